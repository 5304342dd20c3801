// The demo: a user in a directory file, a resolver, an sshd, a login, sudo, and what the audit says.
// Everything happens in a private machine; each output is checked, so that a demo that ends 0 is true.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { makeKey, sshdConfig, startMachine, type Outcome } from './machine.ts'

const project = resolve(import.meta.dirname, '../..')
const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

function shown(command: string, outcome: Outcome, wanted: RegExp): void {
  say(`$ ${command}\n${outcome.stdout.trimEnd()}\n`)
  if (outcome.code !== 0 || !wanted.test(outcome.stdout))
    throw new Error(
      `"${command}" ended ${outcome.code}, expected ${String(wanted)}: ${outcome.stderr}`,
    )
}

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-demo-'))
const machine = await startMachine()
try {
  const key = makeKey(folder, 'alice', 'ed25519')
  machine.write(
    '/etc/iamlogin/directory.toml',
    `[[user]]
name = "alice"
keys = ["${key.publicKey}"]

[[group]]
name = "developers"
members = ["alice"]

[[group]]
name = "ops"
members = ["alice"]
`,
  )
  machine.write(
    '/etc/iamlogin/iamlogin.toml',
    `[source]
kind = "file"
path = "/etc/iamlogin/directory.toml"

[access]
groups = ["developers"]
sudo_groups = ["ops"]

[audit]
journal = false
file = "/var/lib/iamlogin/audit.ndjson"
`,
  )
  machine.write(
    '/etc/sudoers.d/iamlogin',
    readFileSync(join(project, 'packaging/sudoers/iamlogin'), 'utf8'),
    0o440,
  )
  const prepared = machine.run(
    'visudo -cqf /etc/sudoers.d/iamlogin && ssh-keygen -q -t ed25519 -N "" -f /etc/iamlogin/ssh_host_ed25519_key && ' +
      'echo "session required pam_mkhomedir.so umask=0077" >> /etc/pam.d/sshd',
  )
  if (prepared.code !== 0) throw new Error(prepared.stderr)
  machine.write('/etc/iamlogin/sshd_config', sshdConfig(machine))
  await machine.startResolver()
  await machine.startSshd()
  say("A private machine: this host's /etc is not touched. Its users come from a directory file.\n")

  shown(
    'grep -c alice /etc/passwd || true',
    machine.run('grep -c alice /etc/passwd || true'),
    /^0$/m,
  )
  shown(
    'getent passwd alice',
    machine.run('getent passwd alice'),
    /^alice:\*:\d+:\d+:alice:\/home\/alice:\/bin\/bash$/m,
  )
  shown('id alice', machine.run('id alice'), /\(developers\).*\(iamlogin-sudo\)/)
  const login = async (command: string, wanted: RegExp): Promise<void> => {
    shown(
      `ssh -i alice alice@host '${command}'`,
      await machine.ssh('alice', key.path, command),
      wanted,
    )
  }
  await login('whoami; pwd', /^alice\n\/home\/alice$/m)
  await login('sudo id -un', /^root$/m)
  shown(
    'iamlogin explain alice',
    machine.run('/opt/iamlogin/node_modules/.bin/node /opt/iamlogin/dist/cli.js explain alice'),
    /can log in here/,
  )
  const events = machine.read('/var/lib/iamlogin/audit.ndjson').trim().split('\n')
  const opened: unknown = JSON.parse(events.find((line) => line.includes('"key-offered"')) ?? '{}')
  shown(
    'cat /var/lib/iamlogin/audit.ndjson',
    { code: 0, stderr: '', stdout: JSON.stringify(opened, null, 2) },
    /"action": "key-offered"[\s\S]*"fingerprint": "SHA256:/,
  )
  say('Everything is stopped again.')
} finally {
  await machine.stop()
  rmSync(folder, { recursive: true, force: true })
}

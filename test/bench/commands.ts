// What sshd waits for: the key command, beside what scripts of this kind start.
import { startMachine } from '../support/machine.ts'
import { installTool, measure } from './measure.ts'
import type { Row } from './report.ts'

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzxaWLU4GYbOrnSWbvWRyhPKBjaY6nGWO4wsbr89PQZ'

/** Times whole processes, from fork to exit. */
export async function compareCommands(runs: number): Promise<readonly Row[]> {
  const machine = await startMachine()
  try {
    installTool(machine)
    machine.write(
      '/etc/iamlogin/directory.toml',
      `[[user]]\nname = "user1"\nkeys = ["${publicKey}"]\n[[group]]\nname = "team"\nmembers = ["user1"]\n`,
    )
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\n[keys]\nttl = "1h"\n[access]\ngroups = ["team"]\n[audit]\njournal = false\nfile = "/var/lib/iamlogin/audit.ndjson"\n',
    )
    await machine.startResolver()
    const uid = (await machine.runAsync('id -u user1')).stdout.trim()
    const key = `/usr/libexec/iamlogin/iamlogin-authorized-keys user1 ${uid} ${publicKey}`
    const time = async (contender: string, count: number, command: string): Promise<Row> => ({
      ...{ contender, op: 'run', users: 1, processes: 1 },
      ...(await measure(machine, `spawn --runs ${count} -- ${command}`)),
    })
    const unix = 'account required pam_unix.so\nsession required pam_unix.so\n'
    const ours = (kind: string): string => `${kind} required pam_iamlogin.so\n`
    machine.write('/etc/pam.d/bench-unix', unix)
    machine.write('/etc/pam.d/bench-both', `${unix}${ours('account')}${ours('session')}`)
    const visit = (service: string): string =>
      `/usr/bin/pamtester ${service} user1 acct_mgmt open_session close_session`
    return [
      await time('key command, keys cached', runs, key),
      await time('aws --version', 10, '/usr/bin/aws --version'),
      await time('PAM: pam_unix', runs, visit('bench-unix')),
      await time('PAM: pam_unix and pam_iamlogin', runs, visit('bench-both')),
    ]
  } finally {
    await machine.stop()
  }
}

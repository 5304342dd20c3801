// What people at the door of a booted container choose freely, and what they meet when the resolver hangs.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { tellingOf, until, visitsOf, type Telling, type Visits } from '../support/visits.ts'

const keysOfEvents = z.object({
  events: z.array(
    z.looseObject({
      event: z.looseObject({ action: z.string(), reason: z.string().optional() }).optional(),
      iamlogin: z.looseObject({ key: z.looseObject({}).optional() }).optional(),
    }),
  ),
})

/** The fingerprint that ssh-keygen prints of a key or certificate. */
const printOf = (path: string): string =>
  execFileSync('ssh-keygen', ['-lf', path], { encoding: 'utf8' }).split(' ')[1] ?? ''

describe('the door', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-door-'))
  const alices = makeKey(folder, 'alice', 'ed25519')
  const bobs = makeKey(folder, 'bob', 'rsa')
  const fays = makeKey(folder, 'fay', 'rsa')
  const newcomers = makeKey(folder, 'newcomer', 'rsa')
  const ca = makeKey(folder, 'ca', 'ed25519')
  const laptop = makeKey(folder, 'laptop', 'ed25519')
  let iam: IamServer
  let container: Container
  let visits: Visits
  let telling: Telling

  const eventsOf = async (action: string) => {
    const { stdout } = await container.run('iamlogin audit --json --since 1h')
    return keysOfEvents
      .parse(JSON.parse(stdout))
      .events.filter(({ event }) => event?.action === action)
  }

  beforeAll(async () => {
    execFileSync('ssh-keygen', [
      ...['-q', '-s', ca.path, '-I', 'alice@laptop', '-n', 'alice', '-z', '7'],
      `${laptop.path}.pub`,
    ])
    iam = await startIamServer()
    iam.addUser('Alice', ['developers'])
    iam.tagUser('Alice', 'iamlogin:ssh-key', alices.publicKey)
    iam.addUser('bob', ['developers'])
    iam.uploadKey('bob', bobs.publicKey)
    iam.addUser('keyless', ['developers'])
    container = await startContainer(({ write }) => {
      write('/etc/ssh/ca.pub', `${ca.publicKey}\n`)
      write('/etc/ssh/sshd_config.d/20-ca.conf', 'TrustedUserCAKeys /etc/ssh/ca.pub\n')
      write(
        '/etc/iamlogin/iamlogin.toml',
        `[source]
endpoint = "${iam.url}"
refresh = "10m"
[access]
groups = ["developers"]
[keys]
ttl = "1s"
`,
      )
    })
    visits = visitsOf(container)
    telling = tellingOf(visits)
    await until(async () => (await container.run('getent passwd alice')).code === 0)
    expect(await visits.run('alice', alices.path, 'true')).toMatchObject({ code: 0 })
    await until(
      async () => (await container.run('grep -c AIDA /var/lib/iamlogin/keys.db')).code === 0,
    )
    await until(async () => (await telling.words()).includes('session-close alice sshd'))
  }, 600_000)

  beforeEach(async () => {
    await telling.begin()
  })

  afterAll(async () => {
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('lets no byte of PAM_RHOST overrule the resolver', async () => {
    const enter = (user: string, rhost: string) =>
      container.run(`pamtester -I "rhost=$(printf '${rhost}')" sshd ${user} acct_mgmt`)
    expect((await enter('alice', '\\377')).code).toBe(0)
    expect((await enter('keyless', '192.0.2.1')).code).not.toBe(0)
    expect((await enter('keyless', '\\377')).code).not.toBe(0)
    expect((await enter('keyless', '%070000d')).code).not.toBe(0)
    await telling.tells([
      'login-allowed alice sshd',
      ...Array.from({ length: 3 }, () => 'login-refused keyless sshd'),
    ])
  })

  it('names the key inside of a certificate, and says of no key that it opened', async () => {
    expect(await visits.run('alice', laptop.path, 'true')).toMatchObject({ code: 0 })
    // ssh offers the key by itself first.
    await telling.tells([
      'key-refused alice',
      'login-allowed alice sshd',
      'session-open alice sshd',
      'session-close alice sshd',
    ])
    const [allowed] = (await eventsOf('login-allowed')).slice(-1)
    expect(allowed?.event?.reason).toBe('a member')
    const [closed] = (await eventsOf('session-close')).slice(-1)
    expect(closed?.iamlogin?.key).toEqual({
      fingerprint: printOf(`${laptop.path}-cert.pub`),
      type: 'ssh-ed25519-cert-v01@openssh.com',
      certificate: { id: 'alice@laptop', serial: '7' },
    })
    expect(printOf(`${laptop.path}-cert.pub`)).toBe(printOf(`${laptop.path}.pub`))
  })

  it('lets in who was created after their name was looked up', async () => {
    expect((await container.run('getent passwd fay')).code).toBe(2)
    // Unprivileged too: what anybody may ask is remembered for longer.
    expect((await container.run('setpriv --reuid 65534 getent passwd fay')).code).toBe(2)
    const { stdout } = await container.run('iamlogin explain fay')
    expect(stdout).toMatch(/read \d+ s ago; `iamlogin refresh fay` asks now/)
    iam.addUser('fay', ['developers'])
    iam.uploadKey('fay', fays.publicKey)
    expect(await visits.run('fay', fays.path, 'id -un')).toEqual({ code: 0, output: 'fay' })
    await until(async () => (await telling.words()).includes('session-close fay sshd'))
  })

  it('names the key that opened a session, whatever the environment says at its end', async () => {
    const forged = readFileSync(`${bobs.path}.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ')
    await container.must(
      `printf 'SSH_AUTH_INFO_0 DEFAULT="publickey %s"\nSEEN DEFAULT=yes\n' '${forged}' > /home/alice/.pam_environment`,
    )
    const session = await visits.stay('alice', alices.path)
    try {
      await container.must('systemctl kill -s KILL iamlogind; systemctl stop iamlogind')
      await visits.leave(session)
      await until(async () => (await telling.words()).some((each) => each.startsWith('session-cl')))
    } finally {
      await container.must('systemctl start iamlogind')
    }
    const closed = (await telling.told()).at(-1)
    expect(closed).toMatchObject({ alone: true, fingerprint: printOf(`${alices.path}.pub`) })
    // PAM did read what is written there (sshd keeps SSH_AUTH_INFO_0 from the shell).
    expect((await visits.run('alice', alices.path, 'echo $SEEN')).output).toBe('yes')
    await container.must('rm /home/alice/.pam_environment')
    await until(async () => (await telling.words()).at(-1) === 'session-close alice sshd')
  })

  it('waits less than five seconds for a resolver that hangs, until systemd restarts it', async () => {
    const login = async () => {
      const at = performance.now()
      expect(await visits.run('alice', alices.path, 'true')).toMatchObject({ code: 0 })
      return performance.now() - at
    }
    const usual = await login()
    await until(async () => (await telling.words()).includes('session-close alice sshd'))
    await telling.begin()
    const pid = await container.must('systemctl show -P MainPID iamlogind')
    await container.must(`kill -STOP ${pid}`)
    const hung = await login()
    // Key command twice, account, session: a second each, and room for a busy machine.
    expect(hung - usual).toBeGreaterThan(3_000)
    expect(hung - usual).toBeLessThan(7_000)
    await until(async () => (await telling.words()).length >= 4)
    expect((await telling.words()).slice(0, 3)).toEqual([
      'key-offered alice *',
      'login-allowed alice sshd *',
      'session-open alice sshd *',
    ])
    await until(
      async () =>
        (await container.run('systemctl show -P Result iamlogind')).stdout !== 'success\n',
      40_000,
    )
    await until(
      async () =>
        (await container.must('systemctl show -P MainPID -P ActiveState iamlogind')).match(
          new RegExp(`^(?!${pid}\\n)\\d+\\nactive$`),
        ) !== null,
      40_000,
    )
    expect((await container.run('journalctl -u iamlogind')).stdout).toMatch(/[Ww]atchdog timeout/)
    await telling.begin()
    await login()
    await telling.tells([
      ...['key-offered alice', 'login-allowed alice sshd', 'session-open alice sshd'],
      'session-close alice sshd',
    ])
  }, 180_000)

  it('does not restart a resolver that answers itself', async () => {
    // Longer than WatchdogSec=, with IAM hanging: that is no hang of the resolver's.
    const pid = await container.must('systemctl show -P MainPID iamlogind')
    iam.setFault('GetGroup', 'hang')
    const refresh = container.run('timeout 25 iamlogin refresh')
    await refresh
    iam.setFault('GetGroup')
    expect(await container.must('systemctl show -P MainPID iamlogind')).toBe(pid)
  }, 60_000)

  it('opens no home that another uid owns, and tells the fix', async () => {
    const enter = () => container.run('pamtester sshd alice acct_mgmt 2>&1')
    await container.must(
      'mkdir -p /home/alice && echo "touch /tmp/planted" > /home/alice/.bash_profile && chown -R 1999999999 /home/alice',
    )
    const refused = await enter()
    expect(refused.code).not.toBe(0)
    expect(refused.stdout).toContain('your home /home/alice belongs to another user')
    expect((await visits.run('alice', alices.path, 'true')).code).not.toBe(0)
    const asRoot = await container.run('su - alice -c true 2>&1')
    expect(asRoot.code).not.toBe(0)
    expect(asRoot.stdout).toContain('your home /home/alice belongs to another user')
    expect((await container.run('ls /tmp/planted')).code).not.toBe(0)
    const { stdout } = await container.run('journalctl -o cat --since -1min')
    expect(stdout).toMatch(/alice \(uid (\d+)\) is refused: .* chown -hR \1:\1 \/home\/alice/)
    await container.must('chown -hR alice:alice /home/alice')
    expect((await enter()).code).toBe(0)
    await telling.tells([
      'login-refused alice sshd *',
      'key-offered alice',
      'login-refused alice sshd *',
      'login-refused alice su-l *',
      'login-allowed alice sshd',
    ])
    expect((await container.run('su - alice -c true && ls /tmp/planted')).code).toBe(0)
  })

  it('lets nobody in as the person who had the name before, before the directory is read', async () => {
    const [uid, as] = [await container.must('id -u alice'), 'id -u; pwd']
    expect(await visits.run('alice', alices.path, as)).toEqual({
      code: 0,
      output: `${uid}\n/home/alice`,
    })
    iam.renameUser('Alice', 'Alicia')
    iam.addUser('Alice', ['developers'])
    iam.uploadKey('Alice', newcomers.publicKey)
    iam.setFault('GetGroup', 'error')
    for (const fault of [undefined, 'denied'] as const) {
      iam.setFault('GetUser', fault)
      // With keys.ttl of a second the keys are read at each of these.
      await until(async () => {
        iam.resetCalls()
        expect(await visits.run('alice', newcomers.path, as)).toMatchObject({ code: 255 })
        return iam.calls()['ListSSHPublicKeys'] !== undefined
      })
    }
    expect((await telling.words()).filter((each) => each.startsWith('session-open'))).toHaveLength(
      1,
    )
    iam.setFault('GetGroup')
    iam.setFault('GetUser')
    await container.must('iamlogin refresh')
    const { code, output } = await visits.run('alice', newcomers.path, as)
    const [newUid, home] = output.split('\n')
    expect({ code, home }).toEqual({ code: 0, home: `/home/alice-${newUid ?? ''}` })
    expect(newUid).not.toBe(uid)
    expect(await visits.run('alicia', alices.path, as)).toEqual({
      code: 0,
      output: `${uid}\n/home/alice`,
    })
  })
})

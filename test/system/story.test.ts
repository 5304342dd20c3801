// The whole story of a person on a booted Debian: systemd, logind, journald, sshd, sudo, PAM; and what
// an auditor reads afterwards.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { tellingOf, until, visitsOf, type Telling, type Visits } from '../support/visits.ts'

const refreshMs = 2_000

describe('the story of a person', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-story-'))
  const first = makeKey(folder, 'first', 'ed25519')
  const second = makeKey(folder, 'second', 'rsa')
  const bobs = makeKey(folder, 'bob', 'rsa')
  let iam: IamServer
  let container: Container
  let firstId = ''
  let secondId = ''

  let visits: Visits
  let telling: Telling
  const run: Visits['run'] = (...visit) => visits.run(...visit)
  const events: Visits['events'] = (...of) => visits.events(...of)
  const login = ['key-offered alice', 'login-allowed alice sshd', 'session-open alice sshd']

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('Alice', ['developers', 'ops'])
    firstId = iam.uploadKey('Alice', second.publicKey)
    iam.tagUser('Alice', 'iamlogin:ssh-key', first.publicKey)
    secondId = 'tag:iamlogin:ssh-key'
    iam.addUser('bob', ['developers'])
    iam.uploadKey('bob', bobs.publicKey)
    container = await startContainer(({ write }) => {
      write(
        '/etc/iamlogin/iamlogin.toml',
        `[source]
endpoint = "${iam.url}"
refresh = "${refreshMs / 1_000}s"
[access]
groups = ["developers"]
sudo_groups = ["ops"]
local_groups = ["docker"]
shared_accounts = { "ec2-user" = ["ops"] }
[keys]
ttl = "1s"
[audit]
file = "/var/log/iamlogin/audit.ndjson"
`,
      )
    })
    visits = visitsOf(container)
    telling = tellingOf(visits)
    await until(async () => (await container.run('getent passwd alice')).code === 0)
  }, 600_000)
  beforeEach(async () => {
    await telling.begin()
  })
  afterAll(async () => {
    if (process.env['STORY_LOG'] !== undefined)
      process.stderr.write(
        (await container.run('journalctl -b --no-pager -o short | tail -n 400')).stdout,
      )
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('boots with every unit of ours as it should be', async () => {
    expect(await container.must('systemctl is-active iamlogind iamlogin-terminate.socket')).toBe(
      'active\nactive',
    )
    expect(await container.must('systemctl show -P User iamlogind')).toBe('iamlogin')
  })

  it('lets her in by her key, with a home, her groups, and the local group that root listed', async () => {
    expect(await run('alice', first.path, 'id -Gn; pwd; stat -c %U .')).toEqual({
      code: 0,
      output: 'alice docker developers ops iamlogin-sudo\n/home/alice\nalice',
    })
    await telling.tells([...login, 'session-close alice sshd'])
    for (const event of await telling.told())
      expect(event).toMatchObject({
        person: 'Alice',
        arn: 'arn:aws:iam::123456789012:user/Alice',
        ...(event.action === 'login-allowed' ? {} : { keyId: secondId }),
        ...(event.action === 'key-offered' ? {} : { ip: '127.0.0.1' }),
      })
  })

  it('lets her be root by sudo, and names her', async () => {
    expect(await run('alice', first.path, 'sudo -n id -un')).toEqual({ code: 0, output: 'root' })
    await telling.tells([
      ...login,
      'login-allowed alice sudo',
      'sudo root sudo',
      'session-close root sudo',
      'session-close alice sshd',
    ])
    const sudo = (await telling.told()).find(({ action }) => action === 'sudo')
    expect(sudo).toMatchObject({ person: 'Alice', account: 'root' })
    expect((await run('bob', bobs.path, 'sudo -n true')).code).not.toBe(0)
  })

  it('takes sudo and the shared account away within refresh, from a session that goes on', async () => {
    const session = await visits.stay('alice', first.path)
    iam.removeFromGroup('Alice', 'ops')
    const at = Date.now()
    session.stdin?.write('until ! sudo -n true; do :; done; echo no "more sudo"\n')
    await new Promise<void>((gone) => {
      session.stdout?.on('data', (part: Buffer) => {
        if (part.toString().includes('no more sudo')) gone()
      })
    })
    expect(Date.now() - at).toBeLessThan(refreshMs + 5_000)
    expect((await run('ec2-user', first.path, 'true')).code).toBe(255)
    expect(session.exitCode).toBeNull()
    await visits.leave(session)
    iam.addToGroup('Alice', 'ops')
    await until(async () => (await run('alice', first.path, 'sudo -n true')).code === 0)
  })

  it('names the person, not the account, behind a shared account', async () => {
    expect(await run('ec2-user', first.path, 'id -un')).toEqual({ code: 0, output: 'ec2-user' })
    await telling.tells([
      'key-offered ec2-user',
      'session-open ec2-user sshd',
      'session-close ec2-user sshd',
    ])
    for (const event of await telling.told())
      expect(event).toMatchObject({ person: 'Alice', keyId: secondId })
    expect((await run('ec2-user', bobs.path, 'true')).code).toBe(255)
  })

  it('refuses the next login by a key that was deactivated', async () => {
    expect((await run('alice', second.path, 'true')).code).toBe(0)
    iam.setKeyStatus('Alice', firstId, 'Inactive')
    await until(async () => (await run('alice', second.path, 'true')).code === 255)
    await until(async () => (await events('alice')).some(({ action }) => action === 'key-refused'))
    expect((await run('alice', first.path, 'true')).code).toBe(0)
  })

  it('opens nothing by a key that she put in ~/.ssh, where the drop-in says so', async () => {
    const planted = makeKey(folder, 'planted', 'ed25519')
    const plant = `mkdir -p -m 700 .ssh && echo '${planted.publicKey}' > .ssh/authorized_keys`
    expect((await run('alice', first.path, plant)).code).toBe(0)
    expect((await run('alice', planted.path, 'true')).code).toBe(0)
    // The drop-in's own lines, without their marks.
    const dropIn = '/etc/ssh/sshd_config.d/05-iamlogin.conf'
    await container.must(
      `sed -i -E 's/^# (Match Group |  AuthorizedKeysFile none)/\\1/' ${dropIn} && sshd -t && systemctl reload ssh`,
    )
    await until(async () => (await run('alice', planted.path, 'true')).code === 255)
    // sshd does not listen for a moment of its reload: that refuses everybody.
    await until(async () => (await run('alice', first.path, 'true')).code === 0)
    expect((await run('alice', planted.path, 'true')).code).toBe(255)
    expect((await run('alice', first.path, 'rm .ssh/authorized_keys')).code).toBe(0)
    expect((await run('ec2-user', first.path, 'true')).code).toBe(0)
  })

  it('ends her live session, with what she started and became, when she leaves the group', async () => {
    const session = await visits.stay('alice', first.path)
    session.stdin?.write('nohup setsid sleep 4711 >/dev/null 2>&1 &\nsudo -n sleep 4712\n')
    await until(
      async () => (await container.run('pgrep -fx "sleep 471[12]" | wc -l')).stdout.trim() === '2',
    )
    const ended = once(session, 'exit')
    const at = Date.now()
    iam.removeFromGroup('Alice', 'developers')
    await ended
    expect(Date.now() - at).toBeLessThan(refreshMs + 5_000)
    await until(async () => (await container.run('pgrep -fx "sleep 471[12]"')).code === 1, 5_000)
    expect((await container.run('loginctl list-sessions --no-legend')).stdout).not.toContain(
      'alice',
    )
    await until(async () =>
      (await events('alice')).some(
        ({ action, sessions }) => action === 'access-lost' && sessions === 'terminated',
      ),
    )
    expect((await run('alice', first.path, 'true')).code).toBe(255)
  })

  it('ends nobody else: not who is not ours, not who kept access', async () => {
    await container.must('systemd-run --quiet --uid=ec2-user --unit=keeps sleep infinity')
    const bob = await visits.stay('bob', bobs.path)
    const alice = (await container.run('systemctl show -P NRestarts iamlogind')).stdout
    await new Promise((later) => setTimeout(later, refreshMs * 2))
    expect(bob.exitCode).toBeNull()
    expect(await container.must('systemctl is-active keeps')).toBe('active')
    expect(alice.trim()).toBe('0')
    await visits.leave(bob)
  })

  it('forgets whose name a local account takes, sudo and all', async () => {
    iam.addUser('dora', ['developers', 'ops'])
    await until(async () => (await container.run('id -Gn dora')).stdout.includes('iamlogin-sudo'))
    // By hand or by a package's own script: useradd refuses names that resolve.
    await container.must('echo dora:x:1005:100::/:/bin/sh >> /etc/passwd')
    await until(
      async () =>
        !(await container.run('id -Gn dora; getent group iamlogin-sudo')).stdout.includes(
          'dora,',
        ) && (await container.run('id -Gn dora')).stdout.trim() === 'users',
      5_000,
    )
    expect((await container.run('su dora -s /bin/sh -c "sudo -n true"')).code).not.toBe(0)
  })

  it('forgets her name when she is deleted', async () => {
    iam.deleteUser('Alice')
    await until(async () => (await container.run('getent passwd alice')).code === 2)
  })

  it('leaves the events that a reviewer expects, each naming user, key and address', async () => {
    const hers = (await events('alice')).filter(({ alone }) => !alone)
    const actions = new Set(hers.map(({ action }) => action))
    for (const action of [
      'key-offered',
      'login-allowed',
      'session-open',
      'session-close',
      'key-refused',
      'access-lost',
    ])
      expect(actions).toContain(action)
    const opened = hers.filter(({ action }) => action === 'session-open')
    // The key that she put there herself shows by having no id of IAM's.
    expect(opened.filter(({ keyId }) => keyId === undefined)).toHaveLength(1)
    for (const each of opened)
      expect(each).toMatchObject({
        person: 'Alice',
        arn: 'arn:aws:iam::123456789012:user/Alice',
        fingerprint: expect.stringMatching(/^SHA256:/) as string,
        ip: '127.0.0.1',
      })
    const begun = hers.filter(({ action }) => action === 'session-open' || action === 'sudo')
    const closed = hers.filter(({ action }) => action === 'session-close')
    expect(closed.map(({ session }) => session).toSorted()).toEqual(
      begun.map(({ session }) => session).toSorted(),
    )
    for (const each of closed) expect(each.duration).toBeGreaterThan(0)
    const { stdout } = await container.run('wc -l < /var/log/iamlogin/audit.ndjson')
    expect(Number(stdout)).toBeGreaterThanOrEqual(hers.length)
  })

  it('loses nothing and lets nobody in who may not while the resolver is away', async () => {
    const session = await visits.stay('bob', bobs.path)
    await container.must('systemctl kill -s KILL iamlogind; systemctl stop iamlogind')
    expect((await container.run('id bob')).code).toBe(0)
    expect((await run('alice', first.path, 'true')).code).toBe(255)
    expect((await container.run('su - alice -c true')).code).not.toBe(0)
    // Who is known goes on to be: by directory.db.
    expect((await container.run('su - bob -c id')).code).toBe(0)
    await visits.leave(session)
    await until(async () => {
      const alone = (await events('bob')).filter((each) => each.alone)
      return (
        alone.some(({ action, rule }) => action === 'login-allowed' && rule !== undefined) &&
        alone.filter(({ action }) => action === 'session-close').length >= 2 &&
        alone.every(({ arn }) => arn === 'arn:aws:iam::123456789012:user/bob')
      )
    })
    await container.must('systemctl start iamlogind')
    expect((await run('bob', bobs.path, 'true')).code).toBe(0)
  })

  it('works for cron, su and login as for sshd', async () => {
    expect((await container.run('pamtester -I rhost=192.0.2.7 sshd bob acct_mgmt')).code).toBe(0)
    expect(
      (await container.run('pamtester cron bob acct_mgmt open_session close_session')).code,
    ).toBe(0)
    expect(
      (await container.run('pamtester login bob acct_mgmt open_session close_session')).code,
    ).toBe(0)
    expect((await container.run('pamtester login nosuchuser acct_mgmt')).code).not.toBe(0)
    expect((await container.run('pamtester login alice acct_mgmt')).code).not.toBe(0)
    expect((await container.run('pamtester sshd ec2-user acct_mgmt')).code).toBe(0)
  })
})

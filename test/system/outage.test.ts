// The same people with the resolver killed at each step: nothing is lost, and nobody gets in who may
// not. A star marks an event that the door wrote itself.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { tellingOf, until, visitsOf, type Telling, type Visits } from '../support/visits.ts'

const refreshMs = 1_000

describe('the door without a resolver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-outage-'))
  const alices = makeKey(folder, 'alice', 'ed25519')
  const bobs = makeKey(folder, 'bob', 'rsa')
  const carols = makeKey(folder, 'carol', 'rsa')
  const stranger = makeKey(folder, 'stranger', 'ed25519')
  let iam: IamServer
  let container: Container
  let visits: Visits
  let bobsKeyId = ''
  let carolsKeyId = ''
  let telling: Telling
  const told: Telling['told'] = () => telling.told()
  const words: Telling['words'] = () => telling.words()
  const tells: Telling['tells'] = (expected) => telling.tells(expected)
  const kill = () =>
    container.must(
      'systemctl kill -s KILL iamlogind; systemctl stop iamlogind; rm -f /run/iamlogin/*.sock',
    )
  const start = () => container.must('systemctl start iamlogind')
  const login = ['key-offered alice', 'login-allowed alice sshd', 'session-open alice sshd']
  const alone = (events: readonly string[]): readonly string[] => events.map((each) => `${each} *`)

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('Alice', ['developers', 'ops'])
    iam.tagUser('Alice', 'iamlogin:ssh-key', alices.publicKey)
    iam.addUser('bob', ['developers'])
    bobsKeyId = iam.uploadKey('bob', bobs.publicKey)
    iam.addUser('carol', ['developers'])
    carolsKeyId = iam.uploadKey('carol', carols.publicKey)
    iam.addUser('outsider', ['others'])
    iam.uploadKey('outsider', stranger.publicKey)
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
`,
      )
    })
    visits = visitsOf(container)
    telling = tellingOf(visits)
    await until(async () => (await container.run('getent passwd alice')).code === 0)
    for (const [user, key] of [
      ['alice', alices],
      ['bob', bobs],
      ['carol', carols],
    ] as const)
      expect(await visits.run(user, key.path, 'true')).toMatchObject({ code: 0 })
    await until(async () => (await words()).filter((each) => /close/.test(each)).length === 3)
    // People who come for the first time are on disk a moment later.
    const known = ['Alice', 'bob', 'carol'].map(
      (name) => `grep -q iamlogin:${name}: /var/lib/iamlogin/keys.db`,
    )
    await until(async () => (await container.run(known.join(' && '))).code === 0)
    await kill()
  }, 600_000)

  beforeEach(async () => {
    await telling.begin()
  })

  afterAll(async () => {
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('lets in whom the host knew, with their groups, and names them', async () => {
    expect(await visits.run('alice', alices.path, 'id -Gn')).toEqual({
      code: 0,
      output: 'alice docker developers ops iamlogin-sudo',
    })
    await tells(alone([...login, 'session-close alice sshd']))
    const [offered, , opened, closed] = await told()
    expect(offered).toMatchObject({ person: 'Alice', arn: 'arn:aws:iam::123456789012:user/Alice' })
    expect(opened).toMatchObject({
      arn: 'arn:aws:iam::123456789012:user/Alice',
      ip: '127.0.0.1',
      fingerprint: offered?.fingerprint,
    })
    expect(opened?.fingerprint).toMatch(/^SHA256:/)
    expect(closed?.session).toBe(opened?.session)
  })

  it('refuses a wrong key, and tells it', async () => {
    expect((await visits.run('alice', stranger.path, 'true')).code).toBe(255)
    await tells(['key-refused alice *'])
  })

  it('refuses who is not in the groups, whatever key they have', async () => {
    expect((await visits.run('outsider', stranger.path, 'true')).code).toBe(255)
    expect((await container.run('getent passwd outsider')).code).toBe(2)
    expect((await container.run('su - outsider -c true')).code).not.toBe(0)
    await tells([])
  })

  it('gives sudo to who may, and to nobody else', async () => {
    expect(await visits.run('alice', alices.path, 'sudo -n id -un')).toEqual({
      code: 0,
      output: 'root',
    })
    await tells(
      alone([
        ...login,
        'login-allowed alice sudo',
        'sudo root sudo',
        'session-close root sudo',
        'session-close alice sshd',
      ]),
    )
    expect((await visits.run('bob', bobs.path, 'sudo -n true')).code).not.toBe(0)
    expect((await words()).filter((each) => each.startsWith('sudo'))).toHaveLength(1)
  })

  it('opens the shared account to the people of its groups alone', async () => {
    expect(await visits.run('ec2-user', alices.path, 'id -un')).toEqual({
      code: 0,
      output: 'ec2-user',
    })
    await tells(
      alone(['key-offered ec2-user', 'session-open ec2-user sshd', 'session-close ec2-user sshd']),
    )
    expect((await told())[0]).toMatchObject({ person: 'Alice' })
    expect((await visits.run('ec2-user', bobs.path, 'true')).code).toBe(255)
  })

  it('tells a session whole when the resolver dies in its midst', async () => {
    await start()
    const session = await visits.stay('alice', alices.path)
    await tells(login)
    await kill()
    await visits.leave(session)
    await tells([...login, 'session-close alice sshd *'])
    const sessions = (await told()).map(({ session: name }) => name)
    expect(sessions[3]).toBe(sessions[2])
  })

  it('tells how long a session was that began without it', async () => {
    const session = await visits.stay('alice', alices.path)
    await tells(alone(login))
    await start()
    await visits.leave(session)
    await tells([...alone(login), 'session-close alice sshd'])
    expect((await told()).at(-1)?.duration).toBeGreaterThan(0)
  })

  it('lets a person in when the resolver dies while it asks for their keys', async () => {
    await start()
    iam.setFault('ListSSHPublicKeys', 'hang')
    iam.resetCalls()
    const asked = visits.run('bob', bobs.path, 'true')
    await until(() => Promise.resolve((iam.calls()['ListSSHPublicKeys'] ?? 0) > 0))
    await kill()
    expect(await asked).toMatchObject({ code: 0 })
    iam.setFault('ListSSHPublicKeys')
    // Whichever of the two told the first of them.
    await vi.waitFor(async () => {
      expect((await words()).map((each) => each.replace(' *', ''))).toEqual([
        'key-offered bob',
        'login-allowed bob sshd',
        'session-open bob sshd',
        'session-close bob sshd',
      ])
    }, 15_000)
  })

  it('refuses a key that was deactivated meanwhile as soon as it is back', async () => {
    iam.setKeyStatus('bob', bobsKeyId, 'Inactive')
    await start()
    await until(async () => (await visits.run('bob', bobs.path, 'true')).code === 255, 10_000)
    await kill()
    expect((await visits.run('bob', bobs.path, 'true')).code).toBe(255)
    expect((await words()).at(-1)).toBe('key-refused bob *')
    // Not by another door either, once it is back: no valid key is left.
    await start()
    expect((await container.run('su - bob -c true')).code).not.toBe(0)
    expect(await words()).toContain('login-refused bob su-l')
  })

  it('ends the session of who lost the right while it was away, soon after it is back', async () => {
    const session = await visits.stay('carol', carols.path)
    await kill()
    iam.removeFromGroup('carol', 'developers')
    const ended = once(session, 'exit')
    const at = Date.now()
    await start()
    await ended
    expect(Date.now() - at).toBeLessThan(refreshMs + 5_000)
    await until(async () => (await container.run('getent passwd carol')).code === 2)
    await vi.waitFor(async () => {
      expect((await words()).slice(3).toSorted()).toEqual([
        'access-lost carol',
        'session-close carol sshd',
      ])
    }, 10_000)
    await kill()
    expect((await visits.run('carol', carols.path, 'true')).code).toBe(255)
    iam.setKeyStatus('carol', carolsKeyId, 'Inactive')
  })

  it('ends a session although it is killed just when it should do so', async () => {
    await start()
    const session = await visits.stay('alice', alices.path)
    const ended = once(session, 'exit')
    iam.deleteUser('Alice')
    // Killed over and over; systemd starts it again each time.
    for (let times = 0; times < 3; times++)
      await until(
        async () =>
          (
            await container.run(
              'pid=$(systemctl show -P MainPID iamlogind); [ "$pid" -gt 1 ] && kill -KILL "$pid"',
            )
          ).code === 0,
      )
    await ended
    await until(async () => (await container.run('getent passwd alice')).code === 2)
    await until(async () => (await words()).includes('access-lost alice'))
    await kill()
    expect((await visits.run('alice', alices.path, 'true')).code).toBe(255)
    expect((await visits.run('ec2-user', alices.path, 'true')).code).toBe(255)
  })
})

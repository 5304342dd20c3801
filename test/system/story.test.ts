// The whole story of a person on a booted Debian: systemd, logind, journald, sshd, sudo, PAM; and what
// an auditor reads afterwards.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'

const auditDocument = z.object({ events: z.array(z.looseObject({})) })
const refreshMs = 2_000

/** What a reviewer looks at first, of either kind of entry. */
const brief = z
  .looseObject({
    event: z.looseObject({ action: z.string() }).optional(),
    user: z
      .looseObject({
        name: z.string(),
        id: z.string().optional(),
        effective: z.looseObject({ name: z.string() }),
      })
      .optional(),
    source: z.looseObject({ ip: z.string().optional() }).optional(),
    iamlogin: z
      .looseObject({
        key: z.looseObject({ id: z.string().optional(), fingerprint: z.string() }).optional(),
        principal: z.looseObject({ arn: z.string() }).optional(),
        sessions: z.string().optional(),
        session: z.string().optional(),
      })
      .optional(),
    IAMLOGIN_ACTION: z.string().optional(),
    IAMLOGIN_ARN: z.string().optional(),
    IAMLOGIN_RULE: z.string().optional(),
  })
  .transform((event) => ({
    action: event.event?.action ?? event.IAMLOGIN_ACTION ?? '',
    person: event.user?.id === undefined ? undefined : event.user.name,
    account: event.user?.effective.name,
    arn: event.iamlogin?.principal?.arn ?? event.IAMLOGIN_ARN,
    keyId: event.iamlogin?.key?.id,
    fingerprint: event.iamlogin?.key?.fingerprint,
    ip: event.source?.ip,
    sessions: event.iamlogin?.sessions,
    session: event.iamlogin?.session,
    duration: event.event?.['duration'],
    alone: event.IAMLOGIN_ACTION !== undefined && event.event === undefined,
    rule: event.IAMLOGIN_RULE,
  }))

describe('the story of a person', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-story-'))
  const first = makeKey(folder, 'first', 'ed25519')
  const second = makeKey(folder, 'second', 'rsa')
  const bobs = makeKey(folder, 'bob', 'rsa')
  let iam: IamServer
  let container: Container
  let firstId = ''
  let secondId = ''

  const run = async (user: string, key: string, command: string) => {
    const child = container.ssh(user, key, command)
    const [code, output] = await Promise.all([
      once(child, 'close').then(() => child.exitCode),
      child.stdout === null ? '' : text(child.stdout),
    ])
    return { code, output: output.replaceAll('\r', '').trim() }
  }
  /** A session that stays; resolves when its shell has answered. */
  const stay = async (user: string, key: string): Promise<ChildProcess> => {
    const child = container.ssh(user, key, 'echo here; exec bash -i')
    await new Promise<void>((here, failed) => {
      child.stdout?.on('data', (part: Buffer) => {
        if (part.toString().includes('here')) here()
      })
      child.once('exit', () => {
        failed(new Error('the session ended'))
      })
    })
    return child
  }
  const events = async (user?: string) => {
    const of = user === undefined ? '' : ` --user ${user}`
    const { stdout } = await container.run(`iamlogin audit --json --since 1h${of}`)
    return auditDocument.parse(JSON.parse(stdout)).events.map((event) => brief.parse(event))
  }
  const until = (check: () => Promise<boolean>, ms = 20_000) =>
    vi.waitUntil(check, { timeout: ms, interval: 100 })

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
    await until(async () => (await container.run('getent passwd alice')).code === 0)
  }, 600_000)
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
  })

  it('lets her be root by sudo, and names her', async () => {
    expect(await run('alice', first.path, 'sudo -n id -un')).toEqual({ code: 0, output: 'root' })
    await until(async () =>
      (await events('alice')).some(
        ({ action, person, account }) =>
          action === 'sudo' && person === 'Alice' && account === 'root',
      ),
    )
    expect((await run('bob', bobs.path, 'sudo -n true')).code).not.toBe(0)
  })

  it('names the person, not the account, behind a shared account', async () => {
    expect(await run('ec2-user', first.path, 'id -un')).toEqual({ code: 0, output: 'ec2-user' })
    await until(async () =>
      (await events('ec2-user')).some(
        ({ action, person, keyId }) =>
          action === 'session-open' && person === 'Alice' && keyId === secondId,
      ),
    )
    expect((await run('ec2-user', bobs.path, 'true')).code).toBe(255)
  })

  it('refuses the next login by a key that was deactivated', async () => {
    expect((await run('alice', second.path, 'true')).code).toBe(0)
    iam.setKeyStatus('Alice', firstId, 'Inactive')
    await until(async () => (await run('alice', second.path, 'true')).code === 255)
    await until(async () => (await events('alice')).some(({ action }) => action === 'key-refused'))
    expect((await run('alice', first.path, 'true')).code).toBe(0)
  })

  it('ends her live session, with what she started and became, when she leaves the group', async () => {
    const session = await stay('alice', first.path)
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
    const bob = await stay('bob', bobs.path)
    const alice = (await container.run('systemctl show -P NRestarts iamlogind')).stdout
    await new Promise((later) => setTimeout(later, refreshMs * 2))
    expect(bob.exitCode).toBeNull()
    expect(await container.must('systemctl is-active keeps')).toBe('active')
    expect(alice.trim()).toBe('0')
    const ended = once(bob, 'exit')
    bob.stdin?.end('exit\n')
    await ended
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
    for (const each of opened)
      expect(each).toMatchObject({
        person: 'Alice',
        arn: 'arn:aws:iam::123456789012:user/Alice',
        fingerprint: expect.stringMatching(/^SHA256:/) as string,
        keyId: expect.stringMatching(/./) as string,
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
    const session = await stay('bob', bobs.path)
    await container.must('systemctl kill -s KILL iamlogind; systemctl stop iamlogind')
    expect((await container.run('id bob')).code).toBe(0)
    expect((await run('alice', first.path, 'true')).code).toBe(255)
    expect((await container.run('su - alice -c true')).code).not.toBe(0)
    // Who is known goes on to be: by directory.db.
    expect((await container.run('su - bob -c id')).code).toBe(0)
    const ended = once(session, 'exit')
    session.stdin?.end('exit\n')
    await ended
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

  it('works for cron and su as for sshd', async () => {
    expect((await container.run('pamtester -I rhost=192.0.2.7 sshd bob acct_mgmt')).code).toBe(0)
    expect(
      (await container.run('pamtester cron bob acct_mgmt open_session close_session')).code,
    ).toBe(0)
    expect((await container.run('pamtester login nosuchuser acct_mgmt')).code).not.toBe(0)
    expect((await container.run('pamtester sshd ec2-user acct_mgmt')).code).toBe(0)
  })
})

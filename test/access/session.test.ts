import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Opened } from '../../src/access/door.ts'
import { createSessions, keyOfAuthInfo } from '../../src/access/session.ts'
import {
  aKeyOf,
  alice,
  aReport,
  aWorld,
  bob,
  cannotSay,
  sessionAt,
  someKeys,
} from '../support/access.ts'

function aBook() {
  const world = aWorld()
  const opened = new Map<string, Opened>()
  const entered: string[] = []
  const sessions = createSessions({
    view: world.view,
    local: () => world.local,
    opened: (fingerprint) => opened.get(fingerprint),
    entered: (linuxUser) => entered.push(linuxUser),
    known: world.known,
    audit: world.audit,
  })
  const start = world.clock.now()
  return { ...world, world, opened, entered, sessions, start }
}

/** sudo as the PAM module reports it: no key, no address, and who asked. */
const sudo = (at: number, ruser: string, user = 'root') =>
  aReport({ at, user, ruser, service: 'sudo', tty: '/dev/pts/0', rhost: '', authInfo: '' })

describe('open', () => {
  it('tells who came in, from where, with which key', async () => {
    const { sessions, events, start, uidOf } = aBook()
    await sessions.open(aReport({ at: start }))
    expect(events).toEqual([
      {
        action: 'session-open',
        at: start,
        subject: { linuxUser: 'alice', uid: uidOf('alice'), person: alice },
        door: { service: 'sshd', tty: 'ssh', rhost: '192.0.2.7', ruser: '' },
        session: sessionAt(start),
        pid: 4711,
        key: {
          fingerprint: aKeyOf(alice).fingerprint,
          type: 'ssh-ed25519',
          id: aKeyOf(alice).id,
        },
      },
    ])
    expect(sessions.live()).toBe(1)
  })

  it('lets the door know who entered, also a local account', async () => {
    const { sessions, start, entered } = aBook()
    await sessions.open(aReport({ at: start }))
    await sessions.open(aReport({ at: start, user: 'ec2-user' }))
    expect(entered).toEqual(['alice', 'ec2-user'])
  })

  it('names the key that opened the door, though the source has it no more', async () => {
    const { sessions, events, start, opened, keys } = aBook()
    const key = aKeyOf(alice)
    opened.set(key.fingerprint, { person: alice, keyId: key.id })
    keys.set(alice.id, someKeys([]))
    await sessions.open(aReport({ at: start }))
    expect(events).toMatchObject([
      {
        subject: { linuxUser: 'alice', person: alice },
        key: { fingerprint: key.fingerprint, type: key.type, id: key.id },
      },
    ])
  })

  it('names the one of several sharers for whom the key opened the door', async () => {
    const { sessions, events, start, opened, keys, read } = aBook()
    read({ developers: [], ops: ['Alice', 'bob'] })
    const key = aKeyOf(alice)
    opened.set(key.fingerprint, { person: alice, keyId: key.id })
    keys.set(alice.id, someKeys([]))
    await sessions.open(aReport({ at: start, user: 'ec2-user' }))
    expect(events).toMatchObject([{ subject: { linuxUser: 'ec2-user', person: alice } }])
  })

  it('does not name a person by a key that opened the door for somebody else', async () => {
    const { sessions, events, start, opened } = aBook()
    opened.set(aKeyOf(alice).fingerprint, { person: bob, keyId: 'APKABOB' })
    await sessions.open(aReport({ at: start }))
    expect(events).toMatchObject([{ subject: { person: alice }, key: { id: aKeyOf(alice).id } }])
  })

  it('names the key inside of a certificate, and what its CA called it', async () => {
    const { sessions, events, start } = aBook()
    const [type = '', certificate = '', fingerprint = '', serial = '', id = ''] = readFileSync(
      join(import.meta.dirname, '../vectors/certificates.tsv'),
      'utf8',
    ).split(/[\t\n]/)
    await sessions.open(aReport({ at: start, authInfo: `publickey ${type} ${certificate}\n` }))
    expect(events.map((event) => 'key' in event && event.key)).toEqual([
      { fingerprint, type, certificate: { id, serial } },
    ])
  })

  it('tells the fingerprint of a key that nobody knows', async () => {
    const { sessions, events, start } = aBook()
    const { blob, fingerprint } = aKeyOf(alice, 'of her own')
    await sessions.open(aReport({ at: start, authInfo: `publickey ssh-ed25519 ${blob}` }))
    expect(events).toMatchObject([{ subject: { person: alice } }])
    expect(events.map((event) => 'key' in event && event.key)).toStrictEqual([
      { fingerprint, type: 'ssh-ed25519' },
    ])
  })

  it('tells the fingerprint while the source is away', async () => {
    const { sessions, events, start, keys } = aBook()
    keys.set(alice.id, cannotSay)
    await sessions.open(aReport({ at: start }))
    expect(events).toMatchObject([{ key: { fingerprint: aKeyOf(alice).fingerprint } }])
  })

  it('names the person behind a shared account by the key', async () => {
    const { sessions, events, start } = aBook()
    await sessions.open(aReport({ at: start, user: 'ec2-user' }))
    expect(events).toMatchObject([
      { subject: { linuxUser: 'ec2-user', person: alice }, key: { id: aKeyOf(alice).id } },
    ])
  })

  it('asks nobody for keys, to put a name into an event', async () => {
    const { sessions, start, asked, read } = aBook()
    read({ developers: ['Alice', 'bob'], ops: ['Alice', 'bob'] })
    const { blob } = aKeyOf(alice, 'of a local user')
    await sessions.open(
      aReport({ at: start, user: 'ec2-user', authInfo: `publickey ssh-ed25519 ${blob}` }),
    )
    await sessions.open(aReport({ at: start + 1 }))
    expect(asked).toEqual([])
  })

  it('names nobody on a shared account whom no key names', async () => {
    const { sessions, events, start } = aBook()
    await sessions.open(aReport({ at: start, user: 'ec2-user', authInfo: '' }))
    const { blob } = aKeyOf(bob)
    await sessions.open(
      aReport({ at: start + 1, user: 'ec2-user', authInfo: `publickey ssh-rsa ${blob}` }),
    )
    expect(events.map((event) => 'subject' in event && event.subject)).toEqual([
      { linuxUser: 'ec2-user' },
      { linuxUser: 'ec2-user' },
    ])
  })

  it('calls it sudo, by whoever asked, and says nothing of a key', async () => {
    const { sessions, events, start } = aBook()
    const report = sudo(start, 'alice')
    await sessions.open(report)
    await sessions.close({ ...report, timeUs: BigInt(start + 1_000) * 1000n })
    const { session, pid } = report
    const door = { service: 'sudo', tty: '/dev/pts/0', rhost: '', ruser: 'alice' }
    const same = { subject: { linuxUser: 'root', person: alice }, door, session, pid }
    expect(events).toStrictEqual([
      { action: 'sudo', at: start, ...same },
      { action: 'session-close', at: start + 1_000, durationMs: 1_000, ...same },
    ])
  })

  it.each([
    ['sudo', 'sudo'],
    ['sudo-i', 'sudo'],
    ['su', 'session-open'],
    ['su-l', 'session-open'],
    ['pseudo', 'session-open'],
  ])('takes the PAM service %s for a %s', async (service, action) => {
    const { sessions, events, start } = aBook()
    await sessions.open(aReport({ at: start, service }))
    expect(events).toMatchObject([{ action }])
  })

  it('names who asked, not whom they became', async () => {
    const { sessions, events, start, uidOf } = aBook()
    await sessions.open(sudo(start, 'bob', 'alice'))
    expect(events).toMatchObject([
      { subject: { linuxUser: 'alice', uid: uidOf('alice'), person: bob } },
    ])
  })

  it('does not take the word of another host for who asked', async () => {
    const { sessions, events, start } = aBook()
    await sessions.open(aReport({ at: start, ruser: 'bob' }))
    expect(events).toMatchObject([{ subject: { linuxUser: 'alice', person: alice } }])
  })

  it.each(['mail', 'root', 'nobody-of-ours', 'constructor'])(
    'tells nothing of %s',
    async (user) => {
      const { sessions, events, start } = aBook()
      await sessions.open(aReport({ at: start, user }))
      expect(events).toEqual([])
      expect(sessions.live()).toBe(0)
    },
  )

  it('tells nothing before there is a directory', async () => {
    const { sessions, events, start, forget } = aBook()
    forget()
    await sessions.open(aReport({ at: start }))
    expect(events).toEqual([])
  })
})

describe('close', () => {
  it('tells the end of what was opened, with the same names and how long it was', async () => {
    const { sessions, events, start } = aBook()
    await sessions.open(aReport({ at: start }))
    await sessions.close({ ...aReport({ at: start + 90_000 }), session: sessionAt(start) })
    const [open, close] = events
    expect(close).toEqual({
      ...open,
      action: 'session-close',
      at: start + 90_000,
      durationMs: 90_000,
    })
    expect(sessions.live()).toBe(0)
  })

  it('tells the end of a session of somebody who was deleted meanwhile', async () => {
    const { sessions, events, start, read } = aBook()
    await sessions.open(aReport({ at: start }))
    read({ developers: ['bob'] }, [bob])
    await sessions.close({ ...aReport({ at: start + 5_000 }), session: sessionAt(start) })
    expect(events).toMatchObject([{}, { action: 'session-close', subject: { person: alice } }])
  })

  it('knows after a restart how long a session was, by its name', async () => {
    const { sessions, events, start } = aBook()
    await sessions.close({ ...aReport({ at: start + 7_000 }), session: sessionAt(start) })
    expect(events).toMatchObject([
      { action: 'session-close', subject: { person: alice }, durationMs: 7_000 },
    ])
  })

  it.each([
    'another',
    `${sessionAt(1_700_000_000_000)}0`,
    `0${sessionAt(1_700_000_000_000)}`,
    sessionAt(1_700_000_000_000).toUpperCase(),
  ])('tells the end without a length where the session is named %s', async (session) => {
    const { sessions, events, start } = aBook()
    await sessions.close(aReport({ at: start, session }))
    expect(events).toHaveLength(1)
    expect(events[0]).not.toHaveProperty('durationMs')
  })

  it('tells the end of a session of somebody whom no directory knows any more', async () => {
    const { sessions, events, start, read } = aBook()
    read({ developers: ['bob'] }, [bob])
    await sessions.close({ ...aReport({ at: start + 1 }), session: sessionAt(start) })
    expect(events).toMatchObject([{ action: 'session-close', subject: { linuxUser: 'alice' } }])
  })

  it('tells nothing of a local user', async () => {
    const { sessions, events, start } = aBook()
    await sessions.close(aReport({ at: start, user: 'mail' }))
    expect(events).toEqual([])
  })

  it('tells the end once, however often it is reported', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start }))
    const end = { ...aReport({ at: start + 1 }), session: sessionAt(start) }
    await sessions.close(end)
    await sessions.close(end)
    expect(told('session-close')).toHaveLength(1)
  })

  it('leaves nothing open whose end was reported before its beginning', async () => {
    const { sessions, told, start } = aBook()
    await sessions.close({ ...aReport({ at: start + 1 }), session: sessionAt(start) })
    await sessions.open(aReport({ at: start }))
    expect(sessions.live()).toBe(0)
    expect(told('session-open')).toHaveLength(1)
    expect(told('session-close')).toHaveLength(1)
  })

  it('pairs every opening with one end, in any order of many', async () => {
    const order = fc.array(
      fc.record({ open: fc.boolean(), number: fc.integer({ min: 1, max: 6 }) }),
    )
    await fc.assert(
      fc.asyncProperty(order, async (steps) => {
        const { sessions, events, start } = aBook()
        for (const { open, number } of steps) {
          const report = { ...aReport({ at: start }), session: sessionAt(start, number) }
          if (
            open &&
            !events.some((event) => 'session' in event && event.session === report.session)
          )
            await sessions.open(report)
          if (!open) await sessions.close(report)
        }
        const of = (action: string): readonly string[] =>
          events.flatMap((event) =>
            'session' in event && event.action === action ? [event.session] : [],
          )
        const closed = of('session-close')
        expect(new Set(closed).size).toBe(closed.length)
        const open = of('session-open').filter((session) => !closed.includes(session))
        expect(sessions.live()).toBe(open.length)
      }),
    )
  })
})

describe('live', () => {
  it('counts the newest 50,000 sessions: not every end is reported', async () => {
    const { sessions, start, told } = aBook()
    const report = (number: number) =>
      aReport({ at: start, session: sessionAt(start, number), authInfo: '' })
    for (let number = 1; number <= 50_000; number++) await sessions.open(report(number))
    expect(sessions.live()).toBe(50_000)
    await sessions.open(report(50_001))
    expect(sessions.live()).toBe(50_000)
    sessions.abandon(alice, start)
    const [first] = told('session-close')
    expect(first).toMatchObject({ session: sessionAt(start, 2) })
    expect(told('session-close')).toHaveLength(50_000)
  })
})

describe('abandon', () => {
  it('ends in the book what the person entered and became, when it ended', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start }))
    await sessions.open(sudo(start + 1_000, 'alice'))
    await sessions.open(sudo(start + 2_000, 'alice', 'bob'))
    sessions.abandon(alice, start + 10_000)
    expect(told('session-close')).toMatchObject([
      { at: start + 10_000, subject: { linuxUser: 'alice' }, durationMs: 10_000 },
      { subject: { linuxUser: 'root' }, durationMs: 9_000 },
      { subject: { linuxUser: 'bob', person: alice }, durationMs: 8_000 },
    ])
    expect(sessions.live()).toBe(0)
  })

  it('leaves others alone', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start, user: 'bob', authInfo: '' }))
    await sessions.open(aReport({ at: start + 1, user: 'ec2-user', authInfo: '' }))
    sessions.abandon(alice, start + 1)
    expect(told('session-close')).toEqual([])
  })

  it('leaves a session on a shared account open: nobody ended its processes', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start, user: 'ec2-user' }))
    sessions.abandon(alice, start + 1)
    expect(told('session-close')).toEqual([])
    expect(sessions.live()).toBe(1)
  })

  it('leaves what was opened after the end: the person was back', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start + 1 }))
    await sessions.open(aReport({ at: start + 2 }))
    sessions.abandon(alice, start + 1)
    expect(told('session-close')).toMatchObject([{ session: sessionAt(start + 1) }])
  })

  it('tells no second end when the report comes late', async () => {
    const { sessions, told, start } = aBook()
    await sessions.open(aReport({ at: start }))
    sessions.abandon(alice, start + 10_000)
    await sessions.close({ ...aReport({ at: start + 11_000 }), session: sessionAt(start) })
    expect(told('session-close')).toHaveLength(1)
  })
})

describe('shared', () => {
  it('gives who is on which shared account now', async () => {
    const { sessions, start } = aBook()
    const entered = aReport({ at: start, user: 'ec2-user' })
    await sessions.open(aReport({ at: start + 1 }))
    await sessions.open(entered)
    await sessions.open(aReport({ at: start + 2, user: 'ec2-user', authInfo: '' }))
    expect(sessions.shared()).toEqual([{ account: 'ec2-user', person: alice }])
    await sessions.close(entered)
    expect(sessions.shared()).toEqual([])
  })

  it('leaves out who became the account from their own: that session ends with theirs', async () => {
    const { sessions, start } = aBook()
    await sessions.open(sudo(start, 'alice', 'ec2-user'))
    expect(sessions.shared()).toEqual([])
  })
})

describe('keyOfAuthInfo', () => {
  it.each([
    ['publickey ssh-ed25519 AAAA', { type: 'ssh-ed25519', blob: 'AAAA' }],
    ['password\npublickey ssh-rsa AAAB\n', { type: 'ssh-rsa', blob: 'AAAB' }],
    ['publickey ssh-rsa AAAA\npublickey ssh-rsa BBBB', { type: 'ssh-rsa', blob: 'AAAA' }],
    ['password', undefined],
    ['hostbased publickey ssh-rsa AAAA', undefined],
    ['publickey ssh-rsa', undefined],
    ['keyboard-interactive/pam', undefined],
    ['', undefined],
  ])('of %j is %j', (authInfo, expected) => {
    expect(keyOfAuthInfo(authInfo)).toEqual(expected)
  })
})

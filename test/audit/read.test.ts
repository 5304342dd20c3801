import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toEcs } from '../../src/audit/ecs.ts'
import type { AuditEvent } from '../../src/audit/event.ts'
import {
  concerns,
  isRepetition,
  journalWriters,
  repeatable,
  rowOfEntry,
  rowOfLine,
  type AuditRow,
} from '../../src/audit/read.ts'
import { aHost, aKey, alicesSubject, anyEvent, eventsOf, fromAfar } from '../support/audit.ts'

const writers = new Set([0, 998])

/** What `journalctl -o json` prints of an entry that the PAM module wrote while alone. */
function anEntry(fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    __REALTIME_TIMESTAMP: '1700000000123456',
    _UID: '0',
    SYSLOG_IDENTIFIER: 'iamlogin',
    IAMLOGIN_UNREPORTED: '1',
    IAMLOGIN_ACTION: 'login-allowed',
    IAMLOGIN_RULE: 'directory.db within source.offline',
    IAMLOGIN_USER: 'alice',
    IAMLOGIN_RHOST: '192.0.2.7',
    IAMLOGIN_KEY_FINGERPRINT: 'SHA256:abc',
    IAMLOGIN_ARN: 'arn:aws:iam::123456789012:user/staff/Alice',
    ...fields,
  })
}

const lineOf = (event: AuditEvent): string => JSON.stringify(toEcs(event, aHost))

function aRow(fields: Partial<AuditRow> = {}): AuditRow {
  return {
    at: 1_000,
    action: 'key-offered',
    user: 'alice',
    iamUser: 'Alice',
    from: '',
    key: 'SHA256:abc',
    reason: '',
    names: ['alice', 'Alice'],
    unreported: true,
    document: {},
    ...fields,
  }
}

describe('rowOfLine', () => {
  it.each(Object.entries(eventsOf))('reads back every %s that was written', (_action, events) => {
    fc.assert(
      fc.property(events, (event) => {
        const row = rowOfLine(lineOf(event))
        expect(row).toMatchObject({ at: event.at, action: event.action, unreported: false })
        if (!('subject' in event)) return
        const { linuxUser, person } = event.subject
        expect(row).toMatchObject({ user: linuxUser, iamUser: person?.name ?? '' })
        const asked = 'door' in event ? event.door.ruser : ''
        for (const name of [linuxUser, person?.name ?? '', asked].filter((each) => each !== ''))
          expect(row !== undefined && concerns(row, name)).toBe(true)
        if ('door' in event) expect(row?.from).toBe(event.door.rhost)
        if ('key' in event) expect(row?.key).toBe(event.key.id ?? event.key.fingerprint)
      }),
      { numRuns: 50 },
    )
  })

  it('takes a line that was torn anywhere for no event', () => {
    fc.assert(
      fc.property(anyEvent, fc.double({ min: 0, max: 1, noNaN: true }), (event, where) => {
        const line = lineOf(event)
        expect(rowOfLine(line.slice(0, Math.floor(where * (line.length - 1))))).toBeUndefined()
      }),
    )
  })

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(rowOfLine(text)).toBeUndefined()
      }),
    )
  })

  it('takes a document without a time for no event', () => {
    const document = toEcs(
      { action: 'source-failing', at: 0, code: 'source_denied', reason: 'no' },
      aHost,
    )
    expect(rowOfLine(JSON.stringify({ ...document, '@timestamp': 'yesterday' }))).toBeUndefined()
  })

  it('prefers the id of a key to its fingerprint', () => {
    const offered = {
      action: 'key-offered',
      at: 1,
      subject: alicesSubject,
      reason: '',
      stale: false,
    } as const
    expect(rowOfLine(lineOf({ ...offered, key: aKey }))?.key).toBe('APKA1')
    expect(
      rowOfLine(lineOf({ ...offered, key: { fingerprint: 'SHA256:x', type: 'ssh-rsa' } }))?.key,
    ).toBe('SHA256:x')
  })
})

describe('rowOfEntry', () => {
  it('reads what the PAM module wrote while no resolver answered', () => {
    expect(rowOfEntry(anEntry(), writers)).toMatchObject({
      at: 1_700_000_000_123.456,
      action: 'login-allowed',
      user: 'alice',
      iamUser: 'Alice',
      from: '192.0.2.7',
      key: 'SHA256:abc',
      reason: 'directory.db within source.offline',
      names: ['alice', 'Alice'],
      unreported: true,
    })
  })

  it('prefers the name, the key id and the reason of the entry to what they can be guessed from', () => {
    const row = rowOfEntry(
      anEntry({
        IAMLOGIN_IAM_USER: 'Alice.Smith',
        IAMLOGIN_KEY_ID: 'APKA1',
        IAMLOGIN_REASON: 'active key of this person',
      }),
      writers,
    )
    expect(row).toMatchObject({
      iamUser: 'Alice.Smith',
      key: 'APKA1',
      reason: 'active key of this person',
      names: ['alice', 'Alice.Smith'],
    })
  })

  it('shows the event itself where the resolver wrote it', () => {
    const event: AuditEvent = {
      action: 'session-open',
      at: 1_700_000_000_000,
      subject: alicesSubject,
      door: fromAfar,
      session: 'f'.repeat(32),
      pid: 7,
    }
    const row = rowOfEntry(anEntry({ _UID: '998', IAMLOGIN_EVENT: lineOf(event) }), writers)
    expect(row).toEqual(rowOfLine(lineOf(event)))
  })

  it.each([
    ['of another user', { _UID: '1000' }],
    ['of an IAM user', { _UID: '1900000001' }],
    ['without a uid', { _UID: undefined }],
    ['with an empty uid', { _UID: '' }],
    ['with a number for a uid', { _UID: 0 }],
    ['with several uids', { _UID: ['0', '1000'] }],
    ['with a uid that only looks like one', { _UID: '0x0' }],
  ])('does not believe an entry %s, whatever it says', (_what, fields) => {
    expect(rowOfEntry(anEntry(fields), writers)).toBeUndefined()
    expect(
      rowOfEntry(anEntry({ ...fields, IAMLOGIN_EVENT: lineOf(aForgery) }), writers),
    ).toBeUndefined()
  })

  it('believes exactly the writers, for any uid', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 2000 }), fc.nat()), (uid) => {
        const row = rowOfEntry(anEntry({ _UID: String(uid) }), writers)
        expect(row !== undefined).toBe(writers.has(uid))
      }),
    )
  })

  it.each([
    ['no JSON', '-- No entries --'],
    ['an entry that is no event', JSON.stringify({ __REALTIME_TIMESTAMP: '1', _UID: '0' })],
    ['a field that was given twice', anEntry({ IAMLOGIN_ACTION: ['login-allowed', 'sudo'] })],
    ['a field that is no text', anEntry({ IAMLOGIN_USER: [1, 2, 3] })],
    ['an entry without a time', anEntry({ __REALTIME_TIMESTAMP: 'now' })],
  ])('takes %s for no event', (_what, line) => {
    expect(rowOfEntry(line, writers)).toBeUndefined()
  })
})

const aForgery: AuditEvent = {
  action: 'login-allowed',
  at: 1,
  subject: alicesSubject,
  door: fromAfar,
  rule: '',
  reason: '',
  stale: false,
}

describe('journalWriters', () => {
  const local = (users: readonly (readonly [string, number])[]) => ({
    users: new Map(users),
    groups: new Map(),
  })

  it('are root and the user iamlogin', () => {
    expect(
      journalWriters(
        local([
          ['root', 0],
          ['iamlogin', 998],
          ['alice', 1000],
        ]),
      ),
    ).toEqual(new Set([0, 998]))
  })

  it('is root alone where there is no user iamlogin', () => {
    expect(journalWriters(local([['iamlogin2', 998]]))).toEqual(new Set([0]))
  })
})

describe('isRepetition', () => {
  it('folds the second of the two key commands of one login', () => {
    expect(isRepetition(aRow({ at: 1_150 }), [aRow()])).toBe(true)
    expect(
      isRepetition(aRow({ at: 1_150, action: 'key-refused' }), [aRow({ action: 'key-refused' })]),
    ).toBe(true)
  })

  it.each<readonly [string, Partial<AuditRow>]>([
    ['that the resolver wrote', { unreported: false }],
    ['of another user', { user: 'bob' }],
    ['of another key', { key: 'SHA256:def' }],
    ['of another action', { action: 'key-refused' }],
    ['more than 5 s later', { at: 6_001 }],
  ])('keeps an entry %s', (_what, fields) => {
    expect(isRepetition(aRow({ at: 1_100, ...fields }), [aRow()])).toBe(false)
  })

  it('keeps both of two sessions that one key opened in the same second', () => {
    const session = { action: 'session-open', at: 1_100 }
    expect(isRepetition(aRow(session), [aRow(session)])).toBe(false)
  })

  it('keeps the first of each', () => {
    expect(isRepetition(aRow(), [])).toBe(false)
  })
})

describe('repeatable', () => {
  it('forgets nothing that a later row can repeat', () => {
    const ofAKey = fc
      .record({
        at: fc.integer({ min: 0, max: 60_000 }),
        user: fc.constantFrom('alice', 'bob'),
        unreported: fc.boolean(),
      })
      .map(aRow)
    fc.assert(
      fc.property(fc.array(ofAKey), (rows) => {
        const inTime = rows.toSorted((a, b) => a.at - b.at)
        for (const [n, row] of inTime.entries()) {
          const before = inTime.slice(0, n)
          const kept = before.reduce<readonly AuditRow[]>(repeatable, [])
          expect(isRepetition(row, kept)).toBe(isRepetition(row, before))
        }
      }),
    )
  })

  it('keeps the key of the next login, however soon it follows', () => {
    const login = [
      aRow(),
      aRow({ at: 1_100, action: 'login-allowed' }),
      aRow({ at: 1_200, action: 'session-open' }),
    ].reduce<readonly AuditRow[]>(repeatable, [])
    expect(isRepetition(aRow({ at: 1_300 }), login)).toBe(false)
  })
})

describe('concerns', () => {
  it('finds a person by either name, and everyone where none is asked for', () => {
    for (const name of ['alice', 'Alice', undefined]) expect(concerns(aRow(), name)).toBe(true)
    expect(concerns(aRow(), 'bob')).toBe(false)
  })
})

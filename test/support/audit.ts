// Audit events of every kind, one by one and any.
import fc from 'fast-check'
import type { AuditDoor, AuditEvent, AuditKey, AuditSubject } from '../../src/audit/event.ts'
import type { AuditHost } from '../../src/audit/ecs.ts'
import { aUser } from './builders.ts'

export const aHost: AuditHost = { name: 'web-1', cloud: () => undefined }

export const fromAfar: AuditDoor = {
  service: 'sshd',
  tty: 'ssh',
  rhost: '192.0.2.7',
  ruser: '',
}

/** Alice's: the IAM user Alice is the Linux user alice. */
export const alicesSubject: AuditSubject = {
  linuxUser: 'alice',
  uid: 1_900_000_001,
  person: aUser({ name: 'Alice', id: 'AIDAALICE' }),
}

export const aKey: AuditKey = { fingerprint: 'SHA256:abc', type: 'ssh-ed25519', id: 'APKA1' }

/** An event that [notify] sends by default. */
export function aLoss(fields: Partial<AuditSubject> & { readonly at?: number } = {}): AuditEvent {
  const { at = 1_700_000_000_000, ...subject } = fields
  return {
    action: 'access-lost',
    at,
    subject: { ...alicesSubject, ...subject },
    reason: 'deleted, or in no group of access.groups any more',
    sessions: 'terminated',
  }
}

const name = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,31}$/)
const iamName = fc.stringMatching(/^[\w+=,.@-]{1,64}$/)
const person = iamName.map((each) => aUser({ name: each, id: `AIDA${each.toUpperCase()}` }))
const subject: fc.Arbitrary<AuditSubject> = fc.oneof(
  name.map((linuxUser) => ({ linuxUser })),
  fc.record({ linuxUser: name, uid: fc.nat(), person }),
)
const door: fc.Arbitrary<AuditDoor> = fc.record({
  service: fc.constantFrom('sshd', 'sudo', 'sudo-i', 'su', 'login', 'cron'),
  tty: fc.constantFrom('', 'ssh', '/dev/pts/0'),
  rhost: fc.oneof(
    fc.constant(''),
    fc.ipV4(),
    fc.ipV6(),
    fc.domain(),
    fc.string({ unit: 'binary' }),
  ),
  ruser: fc.oneof(fc.constant(''), name),
})
const key: fc.Arbitrary<AuditKey> = fc.oneof(
  fc.constant(aKey),
  fc.constant({ fingerprint: 'SHA256:unknown', type: 'ssh-rsa' }),
)
const text = fc.string({ unit: 'binary' })
// ECMAScript's years of four digits: what ISO 8601 spells without a sign.
const at = fc.integer({ min: 0, max: 253_402_300_799_999 })
const session = fc.stringMatching(/^[0-9a-f]{32}$/)

/** Any event of one action, or of all. */
export const eventsOf: Readonly<Record<AuditEvent['action'], fc.Arbitrary<AuditEvent>>> = {
  'login-allowed': login('login-allowed'),
  'login-refused': login('login-refused'),
  'key-offered': offer('key-offered'),
  'key-refused': offer('key-refused'),
  'session-open': ofSession('session-open'),
  'session-close': ofSession('session-close'),
  sudo: ofSession('sudo'),
  'access-lost': fc.record({
    action: fc.constant('access-lost' as const),
    at,
    subject,
    reason: text,
    sessions: fc.constantFrom('terminated', 'kept', 'none', 'failed'),
  }),
  'user-renamed': fc.record({
    action: fc.constant('user-renamed' as const),
    at,
    subject,
    previousName: name,
    reason: text,
  }),
  'leftovers-found': fc.record({
    action: fc.constant('leftovers-found' as const),
    at,
    subject,
    reason: text,
  }),
  'directory-changed': fc.record({
    action: fc.constant('directory-changed' as const),
    at,
    added: fc.array(name),
    removed: fc.array(name),
    users: fc.nat(),
    groups: fc.nat(),
  }),
  'source-failing': ofSource('source-failing'),
  'source-recovered': ofSource('source-recovered'),
}

export const anyEvent: fc.Arbitrary<AuditEvent> = fc.oneof(...Object.values(eventsOf))

function login(action: 'login-allowed' | 'login-refused'): fc.Arbitrary<AuditEvent> {
  return fc.record({
    action: fc.constant(action),
    at,
    subject,
    door,
    rule: text,
    reason: text,
    stale: fc.boolean(),
  })
}

function offer(action: 'key-offered' | 'key-refused'): fc.Arbitrary<AuditEvent> {
  return fc.record({
    action: fc.constant(action),
    at,
    subject,
    key,
    reason: text,
    stale: fc.boolean(),
  })
}

function ofSession(action: 'session-open' | 'session-close' | 'sudo'): fc.Arbitrary<AuditEvent> {
  return fc
    .record({
      action: fc.constant(action),
      at,
      subject,
      door,
      session,
      pid: fc.nat(),
      key: fc.option(key, { nil: undefined }),
      durationMs: fc.option(fc.nat(), { nil: undefined }),
    })
    .map(({ key: used, durationMs, ...event }) => ({
      ...event,
      ...(used === undefined ? {} : { key: used }),
      ...(durationMs === undefined || action !== 'session-close' ? {} : { durationMs }),
    }))
}

function ofSource(action: 'source-failing' | 'source-recovered'): fc.Arbitrary<AuditEvent> {
  return fc.record({
    action: fc.constant(action),
    at,
    code: fc.constant('source_denied'),
    reason: text,
  })
}

// A host whose directory and keys the test sets: what the rooms at the door look at.
import type { DoorView } from '../../src/access/door.ts'
import type { AuditEvent } from '../../src/audit/event.ts'
import { buildDirectory } from '../../src/directory/build.ts'
import { diffAccounts } from '../../src/directory/diff.ts'
import type {
  Account,
  DirectoryRules,
  HostAccounts,
  Pins,
  SourceUser,
} from '../../src/directory/types.ts'
import { momentOf } from '../../src/platform/clock.ts'
import { fingerprintOf, type AuthorizedKey } from '../../src/keys/authorized-key.ts'
import type { PersonKeys } from '../../src/keys/lookup.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import type { AccountsChange } from '../../src/refresh/refresh.ts'
import type { SessionFields } from '../../src/wire/codec.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from './builders.ts'
import { viewOf } from './view.ts'

export const alice = aUser({ name: 'Alice', id: 'AIDAALICE' })
export const bob = aUser({ name: 'bob', id: 'AIDABOB' })
export const people = [alice, bob]

/** A key as the source's, after the check; `word` makes it another one. */
export function aKeyOf(person: SourceUser, word = person.id): AuthorizedKey {
  const blob = Buffer.from(`a key of ${word}`).toString('base64')
  return {
    line: `ssh-ed25519 ${blob} iamlogin:${person.name}:APKA${word}`,
    type: 'ssh-ed25519',
    blob,
    fingerprint: fingerprintOf(blob),
    id: `APKA${word}`,
    source: 'iam',
  }
}

export function someKeys(
  keys: readonly AuthorizedKey[],
  more: { readonly mfa?: boolean; readonly stale?: boolean } = {},
): PersonKeys {
  return { status: 'success', keys, refused: [], mfa: more.mfa, stale: more.stale ?? false }
}

export const cannotSay: PersonKeys = { status: 'unavail', reason: 'no network' }

/** ec2-user is a local account that the group ops shares. */
export const localAccounts: HostAccounts = {
  ...noLocal,
  users: new Map([...noLocal.users, ['ec2-user', 1000], ['mail', 8]]),
}

type Groups = Readonly<Record<string, readonly string[]>>

/** Alice is in developers and ops, bob in developers; each has one key. */
export function aWorld(rules: Partial<DirectoryRules> = {}) {
  const clock = aClock(1_700_000_000_000)
  const events: AuditEvent[] = []
  const keys = new Map<string, PersonKeys>(
    people.map((person) => [person.id, someKeys([aKeyOf(person)])]),
  )
  let pins: Pins = noPins
  let view: DoorView | undefined
  let accounts: readonly Account[] | undefined
  const world = {
    clock,
    events,
    keys,
    /** Who was asked about, in order. */
    asked: [] as string[],
    local: localAccounts,
    view: () => view,
    audit: (event: AuditEvent) => {
      events.push(event)
    },
    /** What answers about keys wait for. */
    hold: undefined as Promise<undefined> | undefined,
    keysOf: async (person: SourceUser) => {
      world.asked.push(person.name)
      await world.hold
      return keys.get(person.id) ?? cannotSay
    },
    /** Of whom nothing is known until they are asked for. */
    unknown: new Set<string>(),
    known: ({ id }: SourceUser): SavedCredentials | undefined => {
      const answer = keys.get(id)
      if (answer?.status !== 'success' || world.unknown.has(id)) return undefined
      const known = answer.keys.map(({ type, blob, ...key }) => ({
        id: key.id,
        origin: key.source,
        body: `${type} ${blob}`,
      }))
      return { id, fetchedAt: clock.now(), credentials: { keys: known } }
    },
    /** The source was read: these are its groups now. Gives what that changed. */
    read: (groups: Groups, users: readonly SourceUser[] = people): AccountsChange => {
      const before = accounts
      const directory = buildDirectory({
        source: aSource(users, groups),
        rules: someRules({ sharedAccounts: { 'ec2-user': ['ops'] }, ...rules }),
        local: world.local,
        pins,
      })
      pins = directory.pins
      view = { directory: viewOf(directory), readAt: momentOf(clock) }
      accounts = directory.accounts
      if (before === undefined) return { arrived: undefined, removed: [] }
      const { added, removed, renamed } = diffAccounts(before, accounts)
      const arrived = [...added, ...renamed.map(({ account }) => account)]
      return { arrived: arrived.map(({ passwd }) => passwd.name), removed }
    },
    /** No directory was ever read. */
    forget: () => {
      view = undefined
      accounts = undefined
    },
    uidOf: (name: string): number => {
      const uid = view?.directory.accountByName(name)?.passwd.uid
      if (uid === undefined) throw new Error(`${name} is not here`)
      return uid
    },
    told: (action: AuditEvent['action']) => events.filter((event) => event.action === action),
  }
  world.read({ developers: ['Alice', 'bob'], ops: ['Alice'] })
  return world
}

export type World = ReturnType<typeof aWorld>

/** A report of PAM: Alice comes in by ssh with her key. */
export function aReport(fields: Partial<SessionFields> & { readonly at: number }): SessionFields {
  const { at, ...more } = fields
  const { type, blob } = aKeyOf(alice)
  return {
    user: 'alice',
    service: 'sshd',
    tty: 'ssh',
    rhost: '192.0.2.7',
    ruser: '',
    pid: 4711,
    timeUs: BigInt(at) * 1000n,
    session: sessionAt(at),
    authInfo: `publickey ${type} ${blob}`,
    ...more,
  }
}

/** The name that the PAM module gives a session: its time in microseconds, and a number. */
export function sessionAt(at: number, number = 1): string {
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0')
  return hex(BigInt(at) * 1000n) + hex(BigInt(number))
}

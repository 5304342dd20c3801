// Asks the source for one person's keys, and decides whose they are. Keys are read by the name, uids are by
// the id: what the name has now may be another person's, who was given the name.
import type { LRUCache } from 'lru-cache'
import type { KeysConfig } from '../config/config.ts'
import type { Identity, SourceCredentials, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import type { Log } from '../platform/log.ts'
import type { Source } from '../sources/source.ts'
import { commonTo, countNewBodies, isChanged } from './credentials.ts'
import { complete, keep, lastKnown, type Entries, type Entry } from './entries.ts'
import { isSuspectLoss, type Losses } from './losses.ts'
import { lastKeys, present, type PersonKeys } from './person-keys.ts'
import type { KeyProblems } from './problems.ts'

export type PersonReader = {
  readonly fetchCredentials: Source['fetchCredentials']
  /** Whether the name is this person's still, by a question that is asked now. */
  readonly identify: (user: SourceUser, signal: AbortSignal) => Promise<Identity>
  /** As `identify`, by a read of the directory: 'another' also for a deleted person. */
  readonly confirm: (user: SourceUser) => Promise<Identity>
  readonly keys: KeysConfig
  readonly log: Log
  readonly entries: Entries
  readonly losses: Losses
  readonly problems: KeyProblems
  /** User ids of which an answer could not be confirmed a moment ago. */
  readonly doubted: LRUCache<string, true>
  /** A loss that is read from here on must not be told: the next lookup still opens by what it was given. */
  isHandedOver: boolean
}

/** Called with the number of calls that a read cost beyond those of each. */
export type NoteCalls = (more: number) => void

/** Longer than the SDK's own attempts: a fetch that hangs must not hold its person for ever. */
const fetchTimeoutMs = 60_000
const handedOver = 'the configuration is being read again'

function last({ entries, keys }: PersonReader, user: SourceUser, reason: string): PersonKeys {
  return lastKeys(entries, keys, { user, reason })
}

/**
 * What is gone opens nothing from here on, in memory and on disk; until the source says whose name it is, the
 * entry is unsure, and ends no session. Copied keys prove nothing, for they are public.
 * @param now undefined: the name is no user's
 */
async function takeForNow(
  { entries }: PersonReader,
  before: Entry | undefined,
  now: SourceCredentials = { keys: [] },
): Promise<void> {
  if (before === undefined) return
  const credentials = commonTo(before.credentials, now)
  if (before.isUnsure === true && !isChanged(before.credentials, credentials)) return
  const entry = { ...before, credentials, isUnsure: true } as const
  await keep(entries, { before, entry, isRead: false })
}

/** The answer was not this person's: what was known of them is theirs, be it under a new name. */
async function giveBack({ entries }: PersonReader, before: Entry | undefined): Promise<void> {
  const taken = before === undefined ? undefined : lastKnown(entries, before.id)
  if (before !== undefined && taken !== before)
    await keep(entries, { before: taken, entry: before, isRead: false })
}

/** The answer is this person's or another's, and the source does not say which. */
function withoutIdentity(self: PersonReader, user: SourceUser): PersonKeys {
  const reason = `the keys of ${user.name} changed, and whether the name is the same person's cannot be read`
  self.doubted.set(user.id, true)
  self.log.warn({ user: user.name }, reason)
  return last(self, user, reason)
}

type Fetched = { readonly before: Entry | undefined; readonly entry: Entry }

/**
 * Has the source say whose the name is, before what changed is told.
 * @returns what to answer where the keys are not this person's, or that is not known
 */
async function identified(
  self: PersonReader,
  user: SourceUser,
  { before, entry, signal }: Fetched & { readonly signal: AbortSignal },
): Promise<PersonKeys | undefined> {
  await takeForNow(self, before, entry.credentials)
  const identity = await self.identify(user, signal)
  if (identity === 'unknown') return withoutIdentity(self, user)
  if (identity === 'same') return undefined
  await giveBack(self, before)
  // Of the person asked for, the answer says nothing: it is told as stale, so that it ends no session
  // of theirs, be it under a new name. A deletion is the directory's to tell.
  if (identity === 'renamed') return last(self, user, `${user.name} was renamed`)
  const nothing = { ...entry, credentials: { keys: [] } }
  return present(self.entries, self.keys, { user, entry: nothing, isStale: true })
}

async function read(
  self: PersonReader,
  user: SourceUser,
  noteCalls: NoteCalls,
): Promise<PersonKeys> {
  const { entries, keys, losses, problems, doubted } = self
  const before = lastKnown(entries, user.id)
  const signal = AbortSignal.timeout(fetchTimeoutMs)
  const now = await self.fetchCredentials(user, signal)
  problems.read(now)
  const entry = complete(entries, before, { id: user.id, now })
  const isOther = isChanged(before?.credentials, entry.credentials)
  if (self.isHandedOver && before !== undefined && isOther) return last(self, user, handedOver)
  const asksIdentity = before?.isUnsure === true || isOther
  noteCalls(countNewBodies(before?.credentials, now) + Number(asksIdentity))
  if (isSuspectLoss(losses, before, entry)) {
    doubted.set(user.id, true)
    return last(self, user, `all keys of ${user.name}, and of others, are gone at once`)
  }
  const others = asksIdentity ? await identified(self, user, { before, entry, signal }) : undefined
  if (others !== undefined) return others
  await keep(entries, { before: lastKnown(entries, user.id), entry, isRead: true })
  return present(entries, keys, { user, entry, isStale: false })
}

/**
 * The name is no user's any more, and opens nothing. Whether the person was deleted or renamed, only the
 * directory says; either way what is known of the person stays theirs.
 */
async function afterNoName(
  self: PersonReader,
  user: SourceUser,
  error: SourceError,
): Promise<PersonKeys> {
  if (self.isHandedOver) return last(self, user, handedOver)
  const before = lastKnown(self.entries, user.id)
  await takeForNow(self, before)
  self.doubted.set(user.id, true)
  const identity = await self.confirm(user)
  if (identity === 'another' || identity === 'renamed') await giveBack(self, before)
  return identity === 'another'
    ? { status: 'success', keys: [], refused: [], mfa: undefined, stale: false }
    : last(self, user, error.message)
}

/**
 * One person's keys by the source.
 * @throws what the source throws, but for a name that is no user's
 */
export async function readPerson(
  self: PersonReader,
  user: SourceUser,
  noteCalls: NoteCalls,
): Promise<PersonKeys> {
  try {
    return await read(self, user, noteCalls)
  } catch (error) {
    if (error instanceof SourceError && error.code === 'source_unknown_user')
      return afterNoName(self, user, error)
    throw error
  }
}

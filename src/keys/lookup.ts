// The keys of one person: read from the source at a request, one read in flight per person, fresh within
// keys.ttl, the last known ones while the source is away and source.offline allows. What was read is
// answered, and stored, only when it is on disk.
import { LRUCache } from 'lru-cache'
import type { SourceUser } from '../directory/types.ts'
import { atMost } from '../platform/at-most.ts'
import type { CallBudget } from '../platform/call-budget.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { within } from '../platform/within.ts'
import {
  allEntries,
  createEntries,
  isFresh,
  lastKnown,
  makeStale,
  mostPeople,
  usable,
  type EntriesDeps,
  type KnownCredentials,
} from './entries.ts'
import { believeLosses, createLosses } from './losses.ts'
import { lastKeys, present, type PersonKeys } from './person-keys.ts'
import { createKeyProblems, type KeyProblem } from './problems.ts'
import { readPerson, type NoteCalls, type PersonReader } from './read-person.ts'
import type { SavedCredentials } from './saved.ts'

export type { KnownCredentials } from './entries.ts'
export type { PersonKeys } from './person-keys.ts'

export type KeyLookup = {
  readonly of: (user: SourceUser) => Promise<PersonKeys>
  /** As `of`, for requests that any peer can cause: the calls are taken from the miss budget, else 'unavail'. */
  readonly sparingly: (user: SourceUser) => Promise<PersonKeys>
  /** What was read last and may still serve, unchecked; does not ask the source. */
  readonly known: (user: SourceUser) => SavedCredentials | undefined
  /** What was read last, however old it is, and be it still on its way to the disk. */
  readonly last: (user: SourceUser) => SavedCredentials | undefined
  /** Forgets what is fresh, keeps the last known for an outage. Undefined: everyone. */
  readonly expire: (userId?: string) => void
  /** All that is known, for the disk; also what is answered as soon as it is there. */
  readonly all: () => readonly KnownCredentials[]
  /** All that is known, for the lookup that takes the place of this one, which learns no more changes. */
  readonly handOver: () => readonly KnownCredentials[]
  /** Takes losses of all keys that are doubted: the next reading that says the same is believed. */
  readonly confirm: () => void
  readonly stats: () => {
    readonly hits: number
    readonly misses: number
    readonly cached: number
    /** People whose loss of all keys is not believed yet. */
    readonly doubted: number
  }
  /** Why keys, tags or MFA devices cannot be read at present. */
  readonly problems: () => readonly KeyProblem[]
}

export type KeyLookupDeps = Pick<
  PersonReader,
  'fetchCredentials' | 'identify' | 'confirm' | 'keys'
> &
  Omit<EntriesDeps, 'ttlMs'> & {
    /** How long the door waits for the source before it takes the last known keys. */
    readonly budgetMs: number
    /** A loss of all keys by many people within `windowMs` needs a second reading after `againMs`. */
    readonly doubt: { readonly windowMs: number; readonly againMs: number }
    readonly bucket: CallBudget
    /** Requests that asking for one person costs, but for the bodies of keys that are new. */
    readonly callsPerPerson: number
    readonly clock: Clock
    readonly log: Log
  }

/** After a failure the last known keys serve at once for this long: no login waits for each retry. */
const coolOffMs = 5_000
/** IAM's quota of SSH keys per user: as many bodies may be new, and then one call identifies the user. */
const mostMore = 5 + 1

type Self = {
  readonly deps: KeyLookupDeps
  readonly reader: PersonReader
  readonly flights: Map<string, Promise<PersonKeys>>
  hits: number
  misses: number
  /** By the monotonic clock. */
  failedAt: number
}

function last({ reader: { entries, keys } }: Self, user: SourceUser, reason: string): PersonKeys {
  return lastKeys(entries, keys, { user, reason })
}

async function fetch(self: Self, user: SourceUser, noteCalls: NoteCalls): Promise<PersonKeys> {
  const { deps, reader, flights } = self
  try {
    return await readPerson(reader, user, noteCalls)
  } catch (error) {
    self.failedAt = deps.clock.monotonic()
    reader.problems.failed(error)
    return last(self, user, error instanceof Error ? error.message : String(error))
  } finally {
    flights.delete(user.id)
    reader.entries.outdated.delete(user.id)
  }
}

function startFetch(
  self: Self,
  user: SourceUser,
  noteCalls: NoteCalls = () => undefined,
): Promise<PersonKeys> {
  const flight = fetch(self, user, noteCalls)
  self.flights.set(user.id, flight)
  return flight
}

/** As startFetch, out of the bucket; undefined where too little is in it. */
function startSparingly(self: Self, user: SourceUser): Promise<PersonKeys> | undefined {
  const { bucket, callsPerPerson } = self.deps
  const aside = Math.min(callsPerPerson + mostMore, bucket.size)
  if (!bucket.take(aside)) return undefined
  // Nothing comes back of a fetch that failed: its retries cost, too.
  return startFetch(self, user, (more) => {
    bucket.giveBack(aside - callsPerPerson - more)
  })
}

function withinBudget(
  self: Self,
  user: SourceUser,
  flight: Promise<PersonKeys>,
): Promise<PersonKeys> {
  const { clock, budgetMs } = self.deps
  const reason = `no answer from the source within ${budgetMs} ms`
  return within(clock, budgetMs, flight, () => last(self, user, reason))
}

/** What can be said without asking; undefined when the source must be asked, or is already. */
function atOnce(self: Self, user: SourceUser): PersonKeys | undefined {
  const { clock } = self.deps
  const { entries, doubted, keys } = self.reader
  const entry = lastKnown(entries, user.id)
  if (entry !== undefined && isFresh(entries, user.id)) {
    self.hits++
    return present(entries, keys, { user, entry, isStale: false })
  }
  self.misses++
  if (entries.arriving.has(user.id)) return undefined
  if (doubted.has(user.id)) return last(self, user, 'the keys could not be confirmed a moment ago')
  if (entry !== undefined && clock.monotonic() - self.failedAt < coolOffMs)
    return last(self, user, 'the source failed a moment ago')
  return undefined
}

async function ask(
  self: Self,
  user: SourceUser,
  start: (self: Self, user: SourceUser) => Promise<PersonKeys> | undefined,
): Promise<PersonKeys> {
  const answer = atOnce(self, user)
  if (answer !== undefined) return answer
  const flight = self.flights.get(user.id) ?? start(self, user)
  return flight === undefined
    ? { status: 'unavail', reason: 'source.miss_calls_per_minute is used up' }
    : withinBudget(self, user, flight)
}

function expire(self: Self, userId?: string): void {
  const { entries, doubted } = self.reader
  const ids = userId === undefined ? allEntries(entries).map(({ id }) => id) : [userId]
  for (const id of ids) makeStale(entries, id)
  for (const id of self.flights.keys())
    if (userId === undefined || userId === id) entries.outdated.add(id)
  if (userId === undefined) doubted.clear()
  else doubted.delete(userId)
  self.failedAt = Number.NEGATIVE_INFINITY
}

function createReader(deps: KeyLookupDeps): PersonReader {
  const { clock, log, doubt, keys, fetchCredentials, identify, confirm } = deps
  return {
    ...{ fetchCredentials, identify, confirm, keys, log },
    entries: createEntries({ ...deps, ttlMs: keys.ttlMs }),
    losses: createLosses({ clock, log, ...doubt }),
    problems: createKeyProblems({ clock, log }),
    doubted: new LRUCache({
      ...atMost(mostPeople),
      ttl: coolOffMs,
      ttlResolution: 0,
      perf: { now: clock.monotonic },
    }),
    isHandedOver: false,
  }
}

/** Makes the key cache. */
export function createKeyLookup(deps: KeyLookupDeps): KeyLookup {
  const reader = createReader(deps)
  const { entries, losses, problems } = reader
  const failedAt = Number.NEGATIVE_INFINITY
  const self: Self = { deps, reader, flights: new Map(), hits: 0, misses: 0, failedAt }
  return {
    all: () => allEntries(entries),
    handOver: () => {
      reader.isHandedOver = true
      return allEntries(entries)
    },
    known: (user) => usable(entries, user),
    last: ({ id }) => entries.arriving.get(id) ?? lastKnown(entries, id),
    of: (user) => ask(self, user, startFetch),
    sparingly: (user) => ask(self, user, startSparingly),
    expire: (userId) => {
      expire(self, userId)
    },
    confirm: () => {
      believeLosses(losses)
    },
    stats: () => ({
      ...{ hits: self.hits, misses: self.misses },
      ...{ cached: entries.cache.size, doubted: losses.suspects.size },
    }),
    problems: problems.now,
  }
}

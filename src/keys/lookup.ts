// The keys of one person: asked of the source when somebody knocks, one call in flight per person,
// fresh within keys.ttl, the last known ones while the source is away and source.offline allows.
// What was read is told, and stored, only when it is on disk.
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import type { KeysConfig } from '../config/config.ts'
import type { SourceUser } from '../directory/types.ts'
import type { Bucket } from '../platform/bucket.ts'
import {
  ageOf,
  isInFuture,
  momentOf,
  savedMoment,
  type Clock,
  type Moment,
} from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Source } from '../sources/source.ts'
import { toAuthorizedKey, type AuthorizedKey } from './authorized-key.ts'
import { countNewBodies, haveNothingInCommon } from './credentials.ts'
import type { SavedCredentials } from './state.ts'

export type PersonKeys =
  | {
      readonly status: 'success'
      readonly keys: readonly AuthorizedKey[]
      readonly refused: readonly { readonly id: string; readonly reason: string }[]
      readonly mfa: boolean | undefined
      /** The source could not be asked; these are the last known ones. */
      readonly stale: boolean
    }
  | { readonly status: 'unavail'; readonly reason: string }

export type KeyLookup = {
  readonly of: (user: SourceUser) => Promise<PersonKeys>
  /** As `of`, for what any stranger may ask: calls come out of the bucket, 'unavail' without. */
  readonly sparingly: (user: SourceUser) => Promise<PersonKeys>
  /** What was read last and may still serve, unchecked; asks nobody. */
  readonly known: (user: SourceUser) => SavedCredentials | undefined
  /** What was read last, however old it is, and be it still on its way to the disk. */
  readonly last: (user: SourceUser) => SavedCredentials | undefined
  /** Forgets what is fresh, keeps the last known for an outage. Undefined: everyone. */
  readonly expire: (userId?: string) => void
  /** All that is known, for the disk; also what is told as soon as it is there. */
  readonly all: () => readonly SavedCredentials[]
  readonly stats: () => { readonly hits: number; readonly misses: number; readonly cached: number }
}

export type KeyLookupDeps = {
  readonly fetchCredentials: Source['fetchCredentials']
  /** Whether the name is this person's still, by a read of the directory that began after. */
  readonly confirm: (user: SourceUser) => Promise<'same' | 'another' | 'unknown'>
  readonly keys: KeysConfig
  readonly offlineMs: number
  /** How long the door waits for the source before it takes the last known keys. */
  readonly budgetMs: number
  readonly bucket: Bucket
  /** Requests that asking for one person costs, but for the bodies of keys that are new. */
  readonly callsPerPerson: number
  readonly clock: Clock
  readonly log: Log
  readonly saved: readonly SavedCredentials[]
  /** People were known here before of whom `saved` tells nothing any more. */
  readonly savedIsLost: boolean
  /**
   * What is known of a person has changed, or was only read again. Where it resolves late, so does
   * the answer: a key that was taken away must be gone from disk before anybody is told.
   */
  readonly onRead: (what: 'new' | 'changed' | 'same') => Promise<void>
}

type Entry = SavedCredentials & { readonly read: Moment }
/** Told how many bodies of keys a fetch had to read. */
type Told = (bodies: number) => void

const people = 10_000
/** After a failure the last known keys serve at once for this long: no login waits for each retry. */
const coolOffMs = 5_000
/** Longer than the SDK's own attempts: a fetch that hangs must not hold its person for ever. */
const fetchTimeoutMs = 60_000
/** IAM's quota of SSH keys per user: as many bodies may be new. */
const mostBodies = 5

function changeOf(before: Entry | undefined, now: Entry): 'new' | 'changed' | 'same' {
  if (before === undefined) return 'new'
  return isDeepStrictEqual(before.credentials, now.credentials) ? 'same' : 'changed'
}

/** Makes the key cache. */
export function createKeyLookup(deps: KeyLookupDeps): KeyLookup {
  const { clock, keys, bucket } = deps
  const ttl = Math.max(1, keys.ttlMs)
  let hits = 0
  let misses = 0
  let failedAt = Number.NEGATIVE_INFINITY
  let forgot = deps.savedIsLost || deps.saved.length >= people
  const cache = new LRUCache<string, Entry>({
    max: people,
    ttl,
    ttlResolution: 0,
    perf: { now: clock.monotonic },
    dispose: (_entry, _id, why) => {
      if (why === 'evict') forgot = true
    },
  })
  /** When the time began in which an entry is fresh, by the monotonic clock. */
  const stale = (): number => clock.monotonic() - ttl - 1
  for (const saved of deps.saved) {
    const read = savedMoment(clock, saved.fetchedAt)
    const start = isInFuture(clock, read) ? stale() : read.monotonic
    cache.set(saved.id, { ...saved, read }, { start })
  }
  /** Read, and on its way to the disk. */
  const arriving = new Map<string, Entry>()
  const flights = new Map<string, Promise<PersonKeys>>()
  /** In flight when everything fresh was to be forgotten: what they bring is not fresh. */
  const outdated = new Set<string>()
  /** Whose new keys could not be confirmed a moment ago. */
  const doubted = new LRUCache<string, true>({
    max: people,
    ttl: coolOffMs,
    ttlResolution: 0,
    perf: { now: clock.monotonic },
  })

  const lastKnown = (id: string): Entry | undefined => cache.peek(id, { allowStale: true })
  const known = ({ id }: SourceUser): Entry | undefined => {
    const entry = lastKnown(id)
    return entry !== undefined && ageOf(clock, entry.read) <= deps.offlineMs ? entry : undefined
  }
  const all = (): readonly Entry[] => [
    ...new Map([
      ...cache.dump().map(([id, { value }]) => [id, value] as const),
      ...arriving,
    ]).values(),
  ]

  const present = (user: SourceUser, { credentials }: Entry, stale: boolean): PersonKeys => {
    const results = credentials.keys.map((key) =>
      toAuthorizedKey(key, user, { keys, now: clock.now() }),
    )
    return {
      status: 'success',
      keys: results.flatMap((result) => (result.ok ? [result.key] : [])),
      refused: results.flatMap((result) =>
        result.ok ? [] : [{ id: result.id, reason: result.reason }],
      ),
      mfa: credentials.mfa,
      stale,
    }
  }

  const fallBack = (user: SourceUser, reason: string): PersonKeys => {
    // The source has just said something else, which may not be told yet.
    if (arriving.has(user.id)) return { status: 'unavail', reason }
    const entry = known(user)
    if (entry === undefined) return { status: 'unavail', reason }
    return present(user, entry, cache.getRemainingTTL(user.id) <= 0)
  }

  /**
   * Keys are read by the name, uids are by the id: a set that has nothing of the one before may be
   * that of somebody else who was given the name of a person that the directory still has. Of whom
   * nothing was ever known here no key opened a door: there is nothing to be mistaken for, and no
   * first login pays a read of the directory. Where the host may have forgotten people, by a lost
   * keys.json or by more of them than are kept, that says nothing, and they are asked about as well.
   * A known empty set counts: before a user can be deleted, the keys must be.
   */
  const isDoubtful = (before: Entry | undefined, { credentials }: Entry): boolean => {
    if (credentials.keys.length === 0) return false
    return before === undefined ? forgot : haveNothingInCommon(before.credentials, credentials)
  }

  const keep = async (before: Entry | undefined, entry: Entry): Promise<void> => {
    arriving.set(entry.id, entry)
    try {
      await deps.onRead(changeOf(before, entry))
      const isOutdated = outdated.has(entry.id)
      const start = isOutdated ? stale() : entry.read.monotonic
      cache.set(entry.id, entry, { start })
    } finally {
      arriving.delete(entry.id)
    }
  }

  const read = async (user: SourceUser, told: Told): Promise<PersonKeys> => {
    const before = lastKnown(user.id)
    const signal = AbortSignal.timeout(fetchTimeoutMs)
    const credentials = await deps.fetchCredentials(user, signal)
    told(countNewBodies(before?.credentials, credentials))
    const read = momentOf(clock)
    const entry = { id: user.id, fetchedAt: read.wall, read, credentials }
    if (isDoubtful(before, entry)) {
      // Whosever the name is now, none of the keys of before is theirs any more.
      if (before !== undefined && before.credentials.keys.length > 0)
        await keep(before, { ...before, credentials: { ...before.credentials, keys: [] } })
      const identity = await deps.confirm(user)
      if (identity === 'another')
        return present(user, { ...entry, credentials: { keys: [] } }, false)
      if (identity === 'unknown') {
        const reason = `the keys of ${user.name} are all new ones, and the directory cannot be read to see whether the name is the same person's`
        doubted.set(user.id, true)
        deps.log.warn({ user: user.name }, reason)
        return fallBack(user, reason)
      }
    }
    await keep(lastKnown(user.id), entry)
    return present(user, entry, false)
  }

  const fetch = async (user: SourceUser, told: Told): Promise<PersonKeys> => {
    try {
      return await read(user, told)
    } catch (error) {
      failedAt = clock.monotonic()
      const reason = error instanceof Error ? error.message : String(error)
      deps.log.warn({ user: user.name, err: error }, reason)
      return fallBack(user, reason)
    } finally {
      flights.delete(user.id)
      outdated.delete(user.id)
    }
  }

  const startFetch = (user: SourceUser, told: Told = () => undefined): Promise<PersonKeys> => {
    const flight = fetch(user, told)
    flights.set(user.id, flight)
    return flight
  }

  /** As startFetch, out of the bucket; undefined where too little is in it. */
  const startSparingly = (user: SourceUser): Promise<PersonKeys> | undefined => {
    const aside = Math.min(deps.callsPerPerson + mostBodies, bucket.size)
    if (!bucket.take(aside)) return undefined
    // Nothing comes back of a fetch that failed: its retries cost, too.
    return startFetch(user, (bodies) => {
      bucket.giveBack(aside - deps.callsPerPerson - bodies)
    })
  }

  const withinBudget = (user: SourceUser, flight: Promise<PersonKeys>): Promise<PersonKeys> =>
    new Promise((resolve, reject) => {
      const cancel = clock.after(deps.budgetMs, () => {
        resolve(fallBack(user, `no answer from the source within ${deps.budgetMs} ms`))
      })
      flight.then(resolve, reject).finally(cancel)
    })

  /** What can be said without asking; undefined when the source must be asked, or is already. */
  const atOnce = (user: SourceUser): PersonKeys | undefined => {
    const entry = lastKnown(user.id)
    if (entry !== undefined && cache.getRemainingTTL(user.id) > 0) {
      hits++
      return present(user, entry, false)
    }
    misses++
    if (arriving.has(user.id)) return undefined
    if (doubted.has(user.id)) return fallBack(user, 'the keys could not be confirmed a moment ago')
    if (entry !== undefined && clock.monotonic() - failedAt < coolOffMs)
      return fallBack(user, 'the source failed a moment ago')
    return undefined
  }

  const ask = async (
    user: SourceUser,
    start: (user: SourceUser) => Promise<PersonKeys> | undefined,
  ): Promise<PersonKeys> => {
    const answer = atOnce(user)
    if (answer !== undefined) return answer
    const flight = flights.get(user.id) ?? start(user)
    return flight === undefined
      ? { status: 'unavail', reason: 'source.miss_calls_per_minute is used up' }
      : withinBudget(user, flight)
  }

  return {
    all,
    known,
    last: ({ id }) => arriving.get(id) ?? lastKnown(id),
    of: (user) => ask(user, (each) => startFetch(each)),
    sparingly: (user) => ask(user, startSparingly),
    expire: (userId) => {
      const ids = userId === undefined ? all().map(({ id }) => id) : [userId]
      for (const id of ids) {
        const entry = lastKnown(id)
        if (entry !== undefined) cache.set(id, entry, { start: stale() })
      }
      for (const id of flights.keys()) if (userId === undefined || userId === id) outdated.add(id)
      if (userId === undefined) doubted.clear()
      else doubted.delete(userId)
      failedAt = Number.NEGATIVE_INFINITY
    },
    stats: () => ({ hits, misses, cached: cache.size }),
  }
}

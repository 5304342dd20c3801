// The keys of one person: asked of the source when somebody knocks, one call in flight per person,
// fresh within keys.ttl, the last known ones while the source is away and source.offline allows.
// What was read is told, and stored, only when it is on disk.
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import type { KeysConfig } from '../config/config.ts'
import type { CredentialPart, Identity, SourceCredentials, SourceUser } from '../directory/types.ts'
import { atMost } from '../platform/at-most.ts'
import type { Bucket } from '../platform/bucket.ts'
import {
  ageOf,
  isInFuture,
  momentOf,
  savedMoment,
  type Clock,
  type Moment,
} from '../platform/clock.ts'
import { SourceError } from '../errors.ts'
import type { Log } from '../platform/log.ts'
import type { Source } from '../sources/source.ts'
import { toAuthorizedKey, type AuthorizedKey } from './authorized-key.ts'
import {
  commonTo,
  completeCredentials,
  countNewBodies,
  isChanged,
  unknownBy,
  withoutParts,
} from './credentials.ts'
import { createKeyProblems, type KeyProblem } from './problems.ts'
import type { SavedCredentials } from './state.ts'
import { isMassLoss, type Reading } from './suspicious.ts'

export type PersonKeys =
  | {
      readonly status: 'success'
      readonly keys: readonly AuthorizedKey[]
      readonly refused: readonly {
        readonly id: string
        readonly type: string
        readonly reason: string
      }[]
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

/** `read` and `partsRead` are absent in what was saved by an earlier run. */
export type KnownCredentials = SavedCredentials & {
  readonly read?: Moment
  /** Of parts that could not be read then: when they were. */
  readonly partsRead?: ReadonlyMap<CredentialPart, Moment>
}

export type KeyLookupDeps = {
  readonly fetchCredentials: Source['fetchCredentials']
  /** Whether the name is this person's still, by a question that is asked now. */
  readonly identify: (user: SourceUser, signal: AbortSignal) => Promise<Identity>
  /** As `identify`, by a read of the directory: 'another' also for a deleted person. */
  readonly confirm: (user: SourceUser) => Promise<Identity>
  readonly keys: KeysConfig
  readonly offlineMs: number
  /** How long the door waits for the source before it takes the last known keys. */
  readonly budgetMs: number
  /** A loss of all keys by many people within `windowMs` needs a second reading after `againMs`. */
  readonly doubt: { readonly windowMs: number; readonly againMs: number }
  readonly bucket: Bucket
  /** Requests that asking for one person costs, but for the bodies of keys that are new. */
  readonly callsPerPerson: number
  readonly clock: Clock
  readonly log: Log
  /** What an earlier run saved, or another lookup of this process knew. */
  readonly saved: readonly KnownCredentials[]
  /** `saved` was read by another configuration, maybe of another source: known, and asked anew. */
  readonly savedIsStale: boolean
  /**
   * What is known of a person has changed, or was only read again. Where it resolves late, so does
   * the answer: a key that was taken away must be gone from disk before anybody is told.
   */
  readonly onRead: (what: 'new' | 'changed' | 'same') => Promise<void>
}

type Entry = SavedCredentials & {
  readonly read: Moment
  /** Of parts that could not be read then: when they were. */
  readonly partsRead: ReadonlyMap<CredentialPart, Moment>
}
/** Told how many calls a fetch cost beyond callsPerPerson. */
type Told = (more: number) => void

const people = 10_000
const handedOver = 'the configuration is being read again'
/** After a failure the last known keys serve at once for this long: no login waits for each retry. */
const coolOffMs = 5_000
/** Longer than the SDK's own attempts: a fetch that hangs must not hold its person for ever. */
const fetchTimeoutMs = 60_000
/** IAM's quota of SSH keys per user: as many bodies may be new, and then one call identifies the user. */
const mostMore = 5 + 1

function changeOf(before: Entry | undefined, now: Entry): 'new' | 'changed' | 'same' {
  if (before === undefined) return 'new'
  return isDeepStrictEqual(before.credentials, now.credentials) ? 'same' : 'changed'
}

/** Of what an earlier run saved: when the parts were read that it could not read. */
function savedParts(clock: Clock, { unread = [] }: SourceCredentials): Entry['partsRead'] {
  return new Map(
    unread.flatMap(({ part, lastReadAt }) =>
      lastReadAt === undefined ? [] : [[part, savedMoment(clock, lastReadAt)] as const],
    ),
  )
}

/** Makes the key cache. */
export function createKeyLookup(deps: KeyLookupDeps): KeyLookup {
  const { clock, keys, bucket } = deps
  const ttl = Math.max(1, keys.ttlMs)
  let hits = 0
  let misses = 0
  let failedAt = Number.NEGATIVE_INFINITY
  const cache = new LRUCache<string, Entry>({
    ...atMost(people),
    ttl,
    ttlResolution: 0,
    perf: { now: clock.monotonic },
  })
  /** When the time began in which an entry is fresh, by the monotonic clock. */
  const stale = (): number => clock.monotonic() - ttl - 1
  for (const saved of deps.saved) {
    const read = saved.read ?? savedMoment(clock, saved.fetchedAt)
    const isStale = deps.savedIsStale || saved.isUnsure === true || isInFuture(clock, read)
    const start = isStale ? stale() : read.monotonic
    const partsRead = saved.partsRead ?? savedParts(clock, saved.credentials)
    cache.set(saved.id, { ...saved, read, partsRead }, { start })
  }
  /** Read, and on its way to the disk. */
  const arriving = new Map<string, Entry>()
  const flights = new Map<string, Promise<PersonKeys>>()
  /** In flight when everything fresh was to be forgotten: what they bring is not fresh. */
  const outdated = new Set<string>()
  /** User ids of which an answer could not be confirmed a moment ago. */
  const doubted = new LRUCache<string, true>({
    ...atMost(people),
    ttl: coolOffMs,
    ttlResolution: 0,
    perf: { now: clock.monotonic },
  })

  /** A loss that is read from here on must not be told: the next lookup still opens by what it was given. */
  let isHandedOver = false

  const problems = createKeyProblems({ clock, log: deps.log })
  /** People who had keys, as they were read last; of the last doubt.windowMs. */
  const readings = new Map<string, Reading>()
  /** Whose loss of all keys is not believed yet: since when, by the monotonic clock. */
  const suspects = new Map<string, number>()

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

  const isTooOld = (moment: Moment | undefined): boolean =>
    moment === undefined || ageOf(clock, moment) > deps.offlineMs

  const present = (user: SourceUser, entry: Entry, isStale: boolean): PersonKeys => {
    const credentials = withoutParts(entry.credentials, ({ part }) =>
      isTooOld(entry.partsRead.get(part)),
    )
    const unknown = unknownBy(credentials)
    if (unknown !== undefined) return { status: 'unavail', reason: unknown.message }
    const stale = isStale || (credentials.unread ?? []).length > 0
    const results = credentials.keys.map((key) =>
      toAuthorizedKey(key, user, { keys, now: clock.now() }),
    )
    return {
      status: 'success',
      keys: results.flatMap((result) => (result.ok ? [result.key] : [])),
      refused: results.flatMap((result) =>
        result.ok ? [] : [{ id: result.id, type: result.type, reason: result.reason }],
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

  /** @param isRead `entry` is the source's word of now, and serves for keys.ttl. */
  const keep = async (
    before: Entry | undefined,
    entry: Entry,
    { isRead }: { readonly isRead: boolean },
  ): Promise<void> => {
    arriving.set(entry.id, entry)
    try {
      await deps.onRead(changeOf(before, entry))
      const start = isRead && !outdated.has(entry.id) ? entry.read.monotonic : stale()
      cache.set(entry.id, entry, { start })
    } finally {
      arriving.delete(entry.id)
    }
  }

  const complete = (id: string, before: Entry | undefined, now: SourceCredentials): Entry => {
    const read = momentOf(clock)
    const partsRead = new Map(
      (now.unread ?? []).flatMap(({ part }) => {
        const wasUnread = before?.credentials.unread?.some((each) => each.part === part) === true
        const at = wasUnread ? before.partsRead.get(part) : before?.read
        return at === undefined || isTooOld(at) ? [] : [[part, at] as const]
      }),
    )
    const credentials = completeCredentials(
      before?.credentials,
      now,
      (part) => partsRead.get(part)?.wall,
    )
    return { id, fetchedAt: read.wall, read, partsRead, credentials }
  }

  /** Whether nobody should believe yet that this person has no key any more. */
  const isSuspectLoss = (before: Entry | undefined, { id, credentials }: Entry): boolean => {
    if (before === undefined || before.credentials.keys.length === 0) return false
    const { windowMs, againMs } = deps.doubt
    const at = clock.monotonic()
    const isLoss = credentials.keys.length === 0
    for (const [each, reading] of readings)
      if (at - reading.at > windowMs) readings.delete(each)
      else break
    readings.delete(id)
    readings.set(id, { at, isLoss })
    const since = suspects.get(id)
    if (!isLoss || (since !== undefined && at - since >= againMs)) {
      suspects.delete(id)
      return false
    }
    if (since === undefined && !isMassLoss(readings.values(), at, windowMs)) return false
    if (suspects.size === 0)
      deps.log.warn(
        { hint: '`iamlogin refresh --confirm` accepts it now' },
        `all keys of more than half of the people who were asked about are gone at once: the last known ones stay until a second reading says the same`,
      )
    if (since === undefined) suspects.set(id, at)
    return true
  }

  /**
   * Keys are read by the name, uids are by the id: what the name has now may be another person's, who was
   * given the name. What is gone opens nothing from here on, in memory and on disk; until the source says
   * whose name it is, the entry is unsure, and ends no session. Copied keys prove nothing, for they are
   * public.
   * @param now undefined: the name is no user's
   */
  const takeForNow = async (
    before: Entry | undefined,
    now: SourceCredentials = { keys: [] },
  ): Promise<void> => {
    if (before === undefined) return
    const credentials = commonTo(before.credentials, now)
    if (before.isUnsure === true && !isChanged(before.credentials, credentials)) return
    await keep(before, { ...before, credentials, isUnsure: true }, { isRead: false })
  }

  /** The answer was not this person's: what was known of them is theirs, be it under a new name. */
  const giveBack = async (before: Entry | undefined): Promise<void> => {
    const taken = before === undefined ? undefined : lastKnown(before.id)
    if (before !== undefined && taken !== before) await keep(taken, before, { isRead: false })
  }

  /** The answer is this person's or another's, and the source does not say which. */
  const withoutIdentity = (user: SourceUser): PersonKeys => {
    const reason = `the keys of ${user.name} changed, and whether the name is the same person's cannot be read`
    doubted.set(user.id, true)
    deps.log.warn({ user: user.name }, reason)
    return fallBack(user, reason)
  }

  const read = async (user: SourceUser, told: Told): Promise<PersonKeys> => {
    const before = lastKnown(user.id)
    const signal = AbortSignal.timeout(fetchTimeoutMs)
    const fetched = await deps.fetchCredentials(user, signal)
    problems.read(fetched)
    const entry = complete(user.id, before, fetched)
    const { credentials } = entry
    if (isHandedOver && before !== undefined && isChanged(before.credentials, credentials))
      return fallBack(user, handedOver)
    const asksIdentity = before?.isUnsure === true || isChanged(before?.credentials, credentials)
    told(countNewBodies(before?.credentials, fetched) + Number(asksIdentity))
    if (isSuspectLoss(before, entry)) {
      doubted.set(user.id, true)
      return fallBack(user, `all keys of ${user.name}, and of others, are gone at once`)
    }
    if (asksIdentity) {
      await takeForNow(before, credentials)
      const identity = await deps.identify(user, signal)
      if (identity === 'unknown') return withoutIdentity(user)
      if (identity !== 'same') await giveBack(before)
      // Of the person asked for, the answer says nothing: it is told as stale, so that it ends no session
      // of theirs, be it under a new name. A deletion is the directory's to tell.
      if (identity === 'renamed') return fallBack(user, `${user.name} was renamed`)
      if (identity === 'another')
        return present(user, { ...entry, credentials: { keys: [] } }, true)
    }
    await keep(lastKnown(user.id), entry, { isRead: true })
    return present(user, entry, false)
  }

  /**
   * The name is no user's any more, and opens nothing. Whether the person was deleted or renamed, only the
   * directory says; either way what is known of the person stays theirs.
   */
  const afterNoName = async (user: SourceUser, error: SourceError): Promise<PersonKeys> => {
    if (isHandedOver) return fallBack(user, handedOver)
    const before = lastKnown(user.id)
    await takeForNow(before)
    doubted.set(user.id, true)
    const identity = await deps.confirm(user)
    if (identity === 'another' || identity === 'renamed') await giveBack(before)
    return identity === 'another'
      ? { status: 'success', keys: [], refused: [], mfa: undefined, stale: false }
      : fallBack(user, error.message)
  }

  const fetch = async (user: SourceUser, told: Told): Promise<PersonKeys> => {
    try {
      return await read(user, told)
    } catch (error) {
      if (error instanceof SourceError && error.code === 'source_unknown_user')
        return await afterNoName(user, error)
      failedAt = clock.monotonic()
      problems.failed(error)
      return fallBack(user, error instanceof Error ? error.message : String(error))
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
    const aside = Math.min(deps.callsPerPerson + mostMore, bucket.size)
    if (!bucket.take(aside)) return undefined
    // Nothing comes back of a fetch that failed: its retries cost, too.
    return startFetch(user, (more) => {
      bucket.giveBack(aside - deps.callsPerPerson - more)
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
    handOver: () => {
      isHandedOver = true
      return all()
    },
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
    confirm: () => {
      for (const id of suspects.keys()) suspects.set(id, Number.NEGATIVE_INFINITY)
    },
    stats: () => ({ hits, misses, cached: cache.size, doubted: suspects.size }),
    problems: problems.now,
  }
}

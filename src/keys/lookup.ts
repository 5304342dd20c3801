// The keys of one person: asked of the source when somebody knocks, one call in flight per person,
// fresh within keys.ttl, the last known ones while the source is away and source.offline allows.
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import type { KeysConfig } from '../config/config.ts'
import type { SourceUser } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Source } from '../sources/source.ts'
import { toAuthorizedKey, type AuthorizedKey } from './authorized-key.ts'
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
  /** Forgets what is fresh, keeps the last known for an outage. Undefined: everyone. */
  readonly expire: (userId?: string) => void
  /** All that is known, for the disk. */
  readonly all: () => readonly SavedCredentials[]
  readonly stats: () => { readonly hits: number; readonly misses: number; readonly cached: number }
}

export type KeyLookupDeps = {
  readonly fetchCredentials: Source['fetchCredentials']
  readonly keys: KeysConfig
  readonly offlineMs: number
  /** How long the door waits for the source before it takes the last known keys. */
  readonly budgetMs: number
  readonly clock: Clock
  readonly log: Log
  readonly saved: readonly SavedCredentials[]
  /**
   * What is known of a person has changed, or was only read again. Where it resolves late, so does
   * the answer: a key that was taken away must be gone from disk before anybody is told.
   */
  readonly onRead: (what: 'new' | 'changed' | 'same') => Promise<void>
}

type Entry = SavedCredentials

const people = 10_000
/** After a failure the last known keys serve at once for this long: no login waits for each retry. */
const coolOffMs = 5_000

function changeOf(before: Entry | undefined, now: Entry): 'new' | 'changed' | 'same' {
  if (before === undefined) return 'new'
  return isDeepStrictEqual(before.credentials, now.credentials) ? 'same' : 'changed'
}

/** Makes the key cache. */
export function createKeyLookup(deps: KeyLookupDeps): KeyLookup {
  const { clock, keys } = deps
  const ttl = Math.max(1, keys.ttlMs)
  let hits = 0
  let misses = 0
  let failedAt = Number.NEGATIVE_INFINITY
  const cache = new LRUCache<string, Entry, SourceUser>({
    max: people,
    ttl,
    ttlResolution: 0,
    perf: clock,
    // Stale keys are served by fallBack() alone: a cache that gives them while it asks would let a
    // deactivated key in once more.
    noDeleteOnFetchRejection: true,
    fetchMethod: async (id, _stale, { signal, context }) => {
      const credentials = await deps.fetchCredentials(context, signal)
      return { id, fetchedAt: clock.now(), credentials }
    },
  })
  for (const entry of deps.saved) cache.set(entry.id, entry, { start: entry.fetchedAt })

  const lastKnown = (id: string): Entry | undefined => cache.peek(id, { allowStale: true })
  const all = (): readonly Entry[] => cache.dump().map(([, { value }]) => value)

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
    const known = lastKnown(user.id)
    if (known !== undefined && clock.now() - known.fetchedAt <= deps.offlineMs)
      return present(user, known, clock.now() - known.fetchedAt > ttl)
    return { status: 'unavail', reason }
  }

  const fetch = async (user: SourceUser): Promise<PersonKeys> => {
    const before = lastKnown(user.id)
    try {
      const entry = await cache.forceFetch(user.id, { context: user, forceRefresh: true })
      if (entry !== before) await deps.onRead(changeOf(before, entry))
      return present(user, entry, false)
    } catch (error) {
      failedAt = clock.now()
      const reason = error instanceof Error ? error.message : String(error)
      deps.log.warn({ user: user.name, err: error }, reason)
      return fallBack(user, reason)
    }
  }

  const flights = new Map<string, Promise<PersonKeys>>()
  const singleFetch = (user: SourceUser): Promise<PersonKeys> => {
    const flying = flights.get(user.id)
    if (flying !== undefined) return flying
    const flight = fetch(user).finally(() => {
      flights.delete(user.id)
    })
    flights.set(user.id, flight)
    return flight
  }

  return {
    all,
    of: (user) => {
      const known = lastKnown(user.id)
      if (known !== undefined && cache.getRemainingTTL(user.id) > 0) {
        hits++
        return Promise.resolve(present(user, known, false))
      }
      misses++
      if (known !== undefined && clock.now() - failedAt < coolOffMs)
        return Promise.resolve(fallBack(user, 'the source failed a moment ago'))
      return new Promise((resolve, reject) => {
        const cancel = clock.after(deps.budgetMs, () => {
          resolve(fallBack(user, `no answer from the source within ${deps.budgetMs} ms`))
        })
        singleFetch(user).then(resolve, reject).finally(cancel)
      })
    },
    expire: (userId) => {
      for (const { id } of userId === undefined ? all() : [{ id: userId }]) {
        const known = lastKnown(id)
        if (known !== undefined) cache.set(id, known, { start: clock.now() - ttl - 1 })
      }
      failedAt = Number.NEGATIVE_INFINITY
    },
    stats: () => ({ hits, misses, cached: cache.size }),
  }
}

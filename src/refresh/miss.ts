// A name that the directory does not have: a person created a second ago, or a stranger's guess.
// One read of the source answers all who wait; a token bucket bounds what guesses may cost.
import { LRUCache } from 'lru-cache'
import { isPossibleName, isReservedName } from '../directory/username.ts'
import { atMost } from '../platform/at-most.ts'
import type { Bucket } from '../platform/bucket.ts'
import type { Clock } from '../platform/clock.ts'
import type { Refresher } from './refresh.ts'
import type { Store } from './store.ts'

export type MissAnswer = 'present' | 'absent' | 'unknown'

export type MissResolver = {
  /**
   * True when `name` is surely nobody of ours: no read could change it, or one said so a moment ago.
   * @param isPrivileged root asks, sshd for whoever wants to log in: the source is asked each time while
   * half of the calls that misses may cost are left, so that the first login after a person was created
   * works although somebody asked for the name before.
   */
  readonly isKnownMiss: (name: string, isPrivileged: boolean) => boolean
  /** Has the source read for `name`; answers within the budget. 'unknown' is no 'absent'. */
  readonly ask: (name: string) => Promise<MissAnswer>
  readonly stats: () => { readonly cached: number; readonly budgetLeft: number }
}

export type MissDeps = {
  readonly store: Store
  /** Has the source read. */
  readonly readNow: () => Promise<{ readonly ok: boolean }>
  readonly refresher: Pick<Refresher, 'lastCost' | 'calls' | 'unread'>
  readonly clock: Clock
  /** The requests to AWS that misses may cause, and whatever else strangers do. */
  readonly bucket: Bucket
}

/** How long a lookup waits for the source; protocol.h's deadline leaves room for the way. */
const budgetMs = 1_000
const missTtlMs = 30_000
const missNames = 10_000

/** Makes the bounded way from an unknown name to the source. */
export function createMissResolver(deps: MissDeps): MissResolver {
  const { clock, store, refresher, bucket } = deps
  const misses = new LRUCache<string, true>({
    ...atMost(missNames),
    ttl: missTtlMs,
    ttlResolution: 0,
    perf: { now: clock.monotonic },
  })
  let reading: Promise<boolean> | undefined

  const read = async (): Promise<boolean> => {
    const cost = refresher.lastCost()
    if (!bucket.take(cost)) return false
    const before = refresher.calls()
    const { ok } = await deps.readNow()
    // Retries and new pages cost too, if more than was set aside: the debt is paid by waiting.
    bucket.giveBack(-Math.max(0, refresher.calls() - before - cost))
    return ok
  }

  /** Those who come while a read runs share the one after it. */
  const sharedRead = (): Promise<boolean> => {
    if (reading === undefined) {
      reading = read().finally(() => {
        reading = undefined
      })
      return reading
    }
    return reading.then(() => reading ?? sharedRead())
  }

  const within = <T>(promise: Promise<T>): Promise<T | undefined> =>
    new Promise((resolve, reject) => {
      const cancel = clock.after(budgetMs, () => {
        resolve(undefined)
      })
      promise.then(resolve, reject).finally(cancel)
    })

  /** Names asked for again and again must leave enough for names never asked for before. */
  const mayAskAgain = (): boolean =>
    bucket.left() >= Math.max(bucket.size / 2, refresher.lastCost())

  return {
    isKnownMiss: (name, isPrivileged) => {
      if (!isPossibleName(name) || isReservedName(name)) return true
      if (store.current()?.directory.isStranger(name) === true) return true
      return misses.has(name) && !(isPrivileged && mayAskAgain())
    },
    ask: async (name) => {
      const done = await within(sharedRead())
      if (store.current()?.directory.accountByName(name) !== undefined) return 'present'
      // A name asked for again while the source is away: what was said last still counts.
      if (done !== true) return misses.has(name) ? 'absent' : 'unknown'
      // Of a group that was never read nobody knows whose names it has.
      if (
        refresher.unread().some(({ isAbsent, lastReadAt }) => !isAbsent && lastReadAt === undefined)
      )
        return 'unknown'
      // A person has the name, and no account only because their tags were never read.
      if (store.current()?.leftOutNames.includes(name) === true) return 'unknown'
      misses.set(name, true)
      return 'absent'
    },
    stats: () => ({ cached: misses.size, budgetLeft: bucket.left() }),
  }
}

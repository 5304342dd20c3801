// A name that the directory does not have: a person created a second ago, or an unknown name. One read of
// the source answers all callers that wait; the miss budget bounds what unknown names may cost.
import { LRUCache } from 'lru-cache'
import { isPossibleName, isReservedName } from '../directory/username.ts'
import { atMost } from '../platform/at-most.ts'
import type { CallBudget } from '../platform/call-budget.ts'
import type { Clock } from '../platform/clock.ts'
import { createSharedRun, type SharedRun } from '../platform/shared-run.ts'
import { within } from '../platform/within.ts'
import type { Refresher } from './refresh.ts'
import type { Store } from './store.ts'

export type MissAnswer = 'present' | 'absent' | 'unknown'

export type MissResolver = {
  /**
   * True when `name` is surely not a person's: no read could change it, or one said so a moment ago.
   * @param isPrivileged root asks, as sshd does for a login: the source is asked each time while half of the
   * miss budget is left, so that the first login after a person was created works although another process
   * asked for the name before.
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
  /** The AWS calls that unknown names, and unknown keys at shared accounts, may cause. */
  readonly bucket: CallBudget
}

/** How long a lookup waits for the source; protocol.h's deadline leaves room for the way. */
const budgetMs = 1_000
const missTtlMs = 30_000
const missNames = 10_000

type Self = {
  readonly deps: MissDeps
  /** Names that a read did not have a moment ago. */
  readonly misses: LRUCache<string, true>
  readonly reads: SharedRun<boolean>
}

async function read(deps: MissDeps): Promise<boolean> {
  const { refresher, bucket } = deps
  const cost = refresher.lastCost()
  if (!bucket.take(cost)) return false
  const before = refresher.calls()
  const { ok } = await deps.readNow()
  // Retries and new pages cost too, if more than was set aside: the debt is paid by waiting.
  bucket.giveBack(-Math.max(0, refresher.calls() - before - cost))
  return ok
}

/** Names asked for again and again must leave enough for names never asked for before. */
function mayAskAgain({ deps: { bucket, refresher } }: Self): boolean {
  return bucket.left() >= Math.max(bucket.size / 2, refresher.lastCost())
}

function isKnownMiss(self: Self, name: string, isPrivileged: boolean): boolean {
  if (!isPossibleName(name) || isReservedName(name)) return true
  if (self.deps.store.current()?.directory.isLocalName(name) === true) return true
  return self.misses.has(name) && !(isPrivileged && mayAskAgain(self))
}

async function ask(self: Self, name: string): Promise<MissAnswer> {
  const { clock, store, refresher } = self.deps
  const done = await within(clock, budgetMs, self.reads.next(), () => undefined)
  if (store.current()?.directory.accountByName(name) !== undefined) return 'present'
  // A name asked for again while the source is away: what was said last still counts.
  if (done !== true) return self.misses.has(name) ? 'absent' : 'unknown'
  // A group that was never read may have the name.
  if (refresher.unread().some(({ isAbsent, lastReadAt }) => !isAbsent && lastReadAt === undefined))
    return 'unknown'
  // A person has the name, and no account only because their tags were never read.
  if (store.current()?.leftOutNames.includes(name) === true) return 'unknown'
  self.misses.set(name, true)
  return 'absent'
}

/** Makes the bounded way from an unknown name to the source. */
export function createMissResolver(deps: MissDeps): MissResolver {
  const misses = new LRUCache<string, true>({
    ...atMost(missNames),
    ttl: missTtlMs,
    ttlResolution: 0,
    perf: { now: deps.clock.monotonic },
  })
  const self: Self = { deps, misses, reads: createSharedRun(() => read(deps)) }
  return {
    isKnownMiss: (name, isPrivileged) => isKnownMiss(self, name, isPrivileged),
    ask: (name) => ask(self, name),
    stats: () => ({ cached: misses.size, budgetLeft: deps.bucket.left() }),
  }
}

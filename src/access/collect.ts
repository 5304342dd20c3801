// The keys of the people who may open one account, collected from what is known and what the source
// says: one person for an account of ours, many for a shared one.
import type { SourceUser } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import { keyOfBlob } from '../keys/credentials.ts'
import type { KeyLookup } from '../keys/lookup.ts'
import type { Clock } from '../platform/clock.ts'

const sharedConcurrency = 5

export type Found = { readonly key: AuthorizedKey; readonly person: SourceUser }
export type Collected = {
  readonly found: readonly Found[]
  /** Of people without the MFA device that is required. */
  readonly barred: readonly Found[]
  readonly stale: boolean
  /** Why somebody's keys could not be known; undefined when all are. */
  readonly unavail: string | undefined
}

export type Search = {
  readonly ask: KeyLookup['of']
  /** Empty: every key. */
  readonly keyBlob: string
  /** By the monotonic clock; Infinity: until everybody answered. */
  readonly until: number
}

/** Tells whether a key is the one with this blob. */
export function has(keyBlob: string): (found: Found) => boolean {
  return ({ key }) => key.blob === keyBlob
}

export type Collector = {
  readonly collect: (people: readonly SourceUser[], search: Search) => Promise<Collected>
  readonly collectShared: (people: readonly SourceUser[], keyBlob: string) => Promise<Collected>
}

/** Makes the collector. */
export function createCollector(deps: {
  readonly keys: Pick<KeyLookup, 'of' | 'sparingly' | 'known'>
  readonly budgetMs: number
  readonly requireMfa: boolean
  readonly clock: Clock
}): Collector {
  const { clock } = deps
  const overdue = `not everybody could be asked within ${deps.budgetMs} ms`

  /** The keys of `people`, until the one that is looked for is found, or until `until`. */
  const collect: Collector['collect'] = async (people, search) => {
    const found: Found[] = []
    const barred: Found[] = []
    let stale = false
    let unavail: string | undefined
    const leftMs = search.until - clock.monotonic()
    if (leftMs <= 0) return { found, barred, stale, unavail: overdue }
    let isOver = false
    const isStopped = (): boolean => isOver
    const stopped = Promise.withResolvers<undefined>()
    const stop = (): void => {
      isOver = true
      stopped.resolve(undefined)
    }
    const giveUp = (): void => {
      unavail = overdue
      stop()
    }
    const cancel = Number.isFinite(leftMs) ? clock.after(leftMs, giveUp) : undefined
    const queue = people.values()
    const worker = async (): Promise<void> => {
      for (const person of queue) {
        if (isStopped()) return
        const answer = await search.ask(person)
        if (isStopped()) return
        if (answer.status === 'unavail') {
          unavail = answer.reason
          continue
        }
        stale ||= answer.stale
        const kept = deps.requireMfa && answer.mfa !== true ? barred : found
        kept.push(...answer.keys.map((key) => ({ key, person })))
        if (found.some(has(search.keyBlob))) stop()
      }
    }
    const workers = Array.from({ length: sharedConcurrency }, worker)
    await Promise.race([Promise.all(workers), stopped.promise])
    cancel?.()
    return { found, barred, stale, unavail }
  }

  /**
   * The keys of who shares an account. A stranger's key must not cost calls for everybody: who is
   * known to have it is asked for alone, then the others, longest unasked first so that each try
   * gets further, out of what strangers may cost.
   */
  const collectShared: Collector['collectShared'] = async (people, keyBlob) => {
    const until = clock.monotonic() + deps.budgetMs
    const known = people.map((person) => ({ person, saved: deps.keys.known(person) }))
    const holders = known.filter(
      ({ saved }) => saved !== undefined && keyOfBlob(saved.credentials, keyBlob) !== undefined,
    )
    // Not cut short by time: at its end each has an answer, the last known keys.
    const first = await collect(
      holders.map(({ person }) => person),
      { ask: deps.keys.of, keyBlob, until: Infinity },
    )
    const isDecided = [...first.found, ...first.barred].some(has(keyBlob))
    if (isDecided || first.unavail !== undefined) return first
    const others = known
      .filter((each) => !holders.includes(each))
      .toSorted((a, b) => (a.saved?.fetchedAt ?? 0) - (b.saved?.fetchedAt ?? 0))
    const rest = await collect(
      others.map(({ person }) => person),
      { ask: deps.keys.sparingly, keyBlob, until },
    )
    return { ...rest, stale: first.stale || rest.stale }
  }

  return { collect, collectShared }
}

// The keys of the people who may open one account, collected from what is known and what the source
// says: one person for an account of ours, many for a shared one.
import type { SourceUser } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import { keyOfBlob } from '../keys/credentials.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import { lacksMfa } from '../keys/standing.ts'
import type { Clock } from '../platform/clock.ts'

const sharedConcurrency = 5

export type Found = { readonly key: AuthorizedKey; readonly person: SourceUser }
export type Collected = {
  readonly found: readonly Found[]
  /** Of people without the MFA device that is required. */
  readonly barred: readonly Found[]
  readonly stale: boolean
  /** Why the keys of one of the people could not be read; undefined when all were. */
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

export type CollectDeps = {
  readonly keys: Pick<KeyLookup, 'of' | 'sparingly' | 'known'>
  readonly budgetMs: number
  readonly requireMfa: boolean
  readonly clock: Clock
}

/** What one search found so far. */
type Progress = {
  readonly found: Found[]
  readonly barred: Found[]
  stale: boolean
  unavail: string | undefined
}

/** Takes one person's answer. */
function take(
  progress: Progress,
  person: SourceUser,
  answer: PersonKeys,
  requireMfa: boolean,
): void {
  if (answer.status === 'unavail') {
    progress.unavail = answer.reason
    return
  }
  progress.stale ||= answer.stale
  const kept = lacksMfa(answer, requireMfa) ? progress.barred : progress.found
  kept.push(...answer.keys.map((key) => ({ key, person })))
}

/** Asks for one person after another, some at a time, until `stopped` says so. */
async function askAll(
  people: readonly SourceUser[],
  ask: Search['ask'],
  stopped: () => boolean,
  answered: (person: SourceUser, answer: PersonKeys) => void,
): Promise<void> {
  const queue = people.values()
  const worker = async (): Promise<void> => {
    for (const person of queue) {
      if (stopped()) return
      const answer = await ask(person)
      if (stopped()) return
      answered(person, answer)
    }
  }
  await Promise.all(Array.from({ length: sharedConcurrency }, worker))
}

/** The keys of `people`, until the one that is looked for is found, or until `until`. */
export async function collect(
  { clock, budgetMs, requireMfa }: CollectDeps,
  people: readonly SourceUser[],
  { ask, keyBlob, until }: Search,
): Promise<Collected> {
  const progress: Progress = { found: [], barred: [], stale: false, unavail: undefined }
  const overdue = `not everybody could be asked within ${budgetMs} ms`
  const leftMs = until - clock.monotonic()
  if (leftMs <= 0) return { ...progress, unavail: overdue }
  let isOver = false
  const stopped = Promise.withResolvers<undefined>()
  const stop = (): void => {
    isOver = true
    stopped.resolve(undefined)
  }
  const giveUp = (): void => {
    progress.unavail = overdue
    stop()
  }
  const cancel = Number.isFinite(leftMs) ? clock.after(leftMs, giveUp) : undefined
  const all = askAll(
    people,
    ask,
    () => isOver,
    (person, answer) => {
      take(progress, person, answer, requireMfa)
      if (progress.found.some(has(keyBlob))) stop()
    },
  )
  await Promise.race([all, stopped.promise])
  cancel?.()
  // What comes later counts no more.
  return { ...progress }
}

/**
 * The keys of the people who share an account. An unknown key must not cost calls for everybody: the people
 * whose known keys have it are asked for alone, then the others, longest unasked first so that each try gets
 * further, out of what unprivileged peers may cost.
 */
export async function collectShared(
  deps: CollectDeps,
  people: readonly SourceUser[],
  keyBlob: string,
): Promise<Collected> {
  const until = deps.clock.monotonic() + deps.budgetMs
  const known = people.map((person) => ({ person, saved: deps.keys.known(person) }))
  const holders = known.filter(
    ({ saved }) => saved !== undefined && keyOfBlob(saved.credentials, keyBlob) !== undefined,
  )
  // Not cut short by time: at its end each has an answer, the last known keys.
  const first = await collect(
    deps,
    holders.map(({ person }) => person),
    { ask: deps.keys.of, keyBlob, until: Infinity },
  )
  const isDecided = [...first.found, ...first.barred].some(has(keyBlob))
  if (isDecided || first.unavail !== undefined) return first
  const others = known
    .filter((each) => !holders.includes(each))
    .toSorted((a, b) => (a.saved?.fetchedAt ?? 0) - (b.saved?.fetchedAt ?? 0))
  const rest = await collect(
    deps,
    others.map(({ person }) => person),
    { ask: deps.keys.sparingly, keyBlob, until },
  )
  return { ...rest, stale: first.stale || rest.stale }
}

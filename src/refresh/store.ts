// The one mutable cell: what this host resolves now.
import type { Clock, Moment } from '../platform/clock.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import type { UnreadOverridesCount } from './job.ts'

export type Current = {
  /** Grows by one with each replacement; lists name it so that no two directories mix. */
  readonly generation: number
  readonly directory: DirectoryView
  /** When the source was read. */
  readonly readAt: Moment
  /** Linux names of people who have no account only because their tags were never read. */
  readonly leftOutNames: readonly string[]
  readonly unreadOverrides: UnreadOverridesCount | null
}

export type Store = {
  /** Undefined before the first read or the state of the last run. */
  readonly current: () => Current | undefined
  /** The one before, for some seconds, where a list of it is under way. */
  readonly previous: () => Current | undefined
  /** A page of the current one was given, and further ones may be asked for. */
  readonly listed: () => void
  readonly replace: (next: Omit<Current, 'generation'>) => void
  /** Takes over what another store of this process held, with its generation. */
  readonly inherit: (current: Current) => void
  /** The same directory was read again: only its age, and what could not be read, change. */
  readonly touch: (readAt: Moment, unreadOverrides: UnreadOverridesCount | null) => void
}

const previousMs = 10_000

/** @param firstGeneration larger than any of an earlier run: lists that span a restart end there. */
// eslint-disable-next-line max-lines-per-function -- one cell, which nothing outside may reach
export function createStore(
  firstGeneration: number,
  clock: Pick<Clock, 'after' | 'monotonic'>,
): Store {
  let cell: Current | undefined
  let previous: Current | undefined
  let listedAt = Number.NEGATIVE_INFINITY
  let generation = firstGeneration
  const keepForLists = (before: Current): void => {
    previous?.directory.release()
    previous = undefined
    const isListed = clock.monotonic() - listedAt < previousMs
    listedAt = Number.NEGATIVE_INFINITY
    if (!isListed) {
      before.directory.release()
      return
    }
    previous = before
    clock.after(previousMs, () => {
      if (previous !== before) return
      previous = undefined
      before.directory.release()
    })
  }
  return {
    current: () => cell,
    previous: () => previous,
    listed: () => {
      listedAt = clock.monotonic()
    },
    replace: (next) => {
      if (cell !== undefined) keepForLists(cell)
      cell = { ...next, generation: generation++ }
    },
    inherit: (current) => {
      generation = current.generation + 1
      cell = current
    },
    touch: (readAt, unreadOverrides) => {
      if (cell !== undefined) cell = { ...cell, readAt, unreadOverrides }
    },
  }
}

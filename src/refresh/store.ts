// The one mutable cell: what this host resolves now.
import type { DirectoryIndex } from '../directory/lookup.ts'
import type {
  Directory,
  DirectoryRules,
  HostAccounts,
  SourceDirectory,
} from '../directory/types.ts'
import type { Moment } from '../platform/clock.ts'

export type Current = {
  /** Grows by one with each replacement; lists name it so that no two directories mix. */
  readonly generation: number
  readonly directory: Directory
  readonly index: DirectoryIndex
  readonly source: SourceDirectory
  readonly rules: DirectoryRules
  readonly local: HostAccounts
  /** When the source was read. */
  readonly readAt: Moment
}

export type Store = {
  /** Undefined before the first read or the state of the last run. */
  readonly current: () => Current | undefined
  readonly replace: (next: Omit<Current, 'generation'>) => void
  /** Takes over what another store of this process held, with its generation. */
  readonly inherit: (current: Current) => void
  /** The same directory was read again: only its age changes. */
  readonly touch: (readAt: Moment) => void
  /** Told of each replacement and, with the same generation before and now, of each touch. */
  readonly subscribe: (listener: (now: Current, before: Current | undefined) => void) => void
}

/** @param firstGeneration larger than any of an earlier run: lists that span a restart end there. */
export function createStore(firstGeneration: number): Store {
  let cell: Current | undefined
  let generation = firstGeneration
  const listeners: ((now: Current, before: Current | undefined) => void)[] = []
  const set = (next: Current): void => {
    const before = cell
    cell = next
    for (const listener of listeners) listener(next, before)
  }
  return {
    current: () => cell,
    replace: (next) => {
      set({ ...next, generation: generation++ })
    },
    inherit: (current) => {
      generation = current.generation + 1
      set(current)
    },
    touch: (readAt) => {
      if (cell !== undefined) set({ ...cell, readAt })
    },
    subscribe: (listener) => {
      listeners.push(listener)
    },
  }
}

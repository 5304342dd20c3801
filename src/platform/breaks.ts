// Long work in the process that answers lookups: it stops now and then, so that no request waits for its end.
import { setImmediate as eventsHandled } from 'node:timers/promises'

export type Breaks = {
  /** Whether the work went on for long enough. */
  readonly isDue: () => boolean
  /** Resolves when the requests that came meanwhile are answered. */
  readonly take: () => Promise<void>
}

/** Longer stretches would show in the slowest lookups. */
const stretchMs = 0.25

/** The breaks of one piece of work, which begins now. */
export function createBreaks(): Breaks {
  let since = performance.now()
  return {
    isDue: () => performance.now() - since >= stretchMs,
    take: async () => {
      await eventsHandled()
      since = performance.now()
    },
  }
}

// Time as an argument, so that tests own it.

export type Clock = {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Calls back once after `ms`; the result cancels. The timer never holds the process. */
  readonly after: (ms: number, callback: () => void) => () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
}

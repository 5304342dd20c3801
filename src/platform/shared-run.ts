// One run at a time, shared by the callers that wait for it.

export type SharedRun<T> = {
  /** Runs; while one is under way, callers share the one after it, which begins after their call. */
  readonly next: () => Promise<T>
  /** Resolves when no run is under way, and rejects as the last one did. */
  readonly idle: () => Promise<unknown>
}

/** Nothing is run before next(). */
export function createSharedRun<T>(run: () => Promise<T>): SharedRun<T> {
  let running: Promise<T> | undefined
  let waiting: Promise<T> | undefined
  const start = (): Promise<T> => {
    running = run().finally(() => {
      running = undefined
    })
    return running
  }
  const startWaiting = (): Promise<T> => {
    waiting = undefined
    return start()
  }
  return {
    next: () => {
      if (running === undefined) return start()
      waiting ??= running.then(startWaiting, startWaiting)
      return waiting
    },
    idle: () => waiting ?? running ?? Promise.resolve(),
  }
}

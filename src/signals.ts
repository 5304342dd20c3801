// When SIGHUP and SIGTERM act. While a reload runs at most one more is owed, however many ask; a
// stop waits for none of them.
import type { Clock } from './platform/clock.ts'

export type Signals = {
  readonly hangUp: () => void
  readonly terminate: () => void
}

/**
 * Makes the order of signals.
 * @param deps.reload ends soon after its signal aborts
 * @param deps.gapMs from the begin of one reload to that of the next, at least
 */
export function createSignals(deps: {
  readonly reload: (signal: AbortSignal) => Promise<void>
  readonly stop: () => Promise<void>
  /** Called with what either of the two throws. */
  readonly failed: (error: unknown) => void
  readonly clock: Pick<Clock, 'after'>
  readonly gapMs: number
}): Signals {
  const stopper = new AbortController()
  /** A reload runs, or the gap after it. */
  let isBusy = false
  let isOwed = false

  const reload = (): void => {
    isBusy = true
    const gap = Promise.withResolvers<undefined>()
    deps.clock.after(deps.gapMs, () => {
      gap.resolve(undefined)
    })
    Promise.all([deps.reload(stopper.signal), gap.promise])
      .then(() => {
        isBusy = false
        if (!isOwed || stopper.signal.aborted) return
        isOwed = false
        reload()
      })
      .catch(deps.failed)
  }

  return {
    hangUp: () => {
      if (stopper.signal.aborted) return
      if (isBusy) isOwed = true
      else reload()
    },
    terminate: () => {
      if (stopper.signal.aborted) return
      stopper.abort()
      deps.stop().catch(deps.failed)
    },
  }
}

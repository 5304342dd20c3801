// Runs steps on this thread in short slices; sockets are served in between.
import type { Steps } from '../directory/steps.ts'

/** Runs steps to their end and gives their result. */
export type Work = <T>(steps: Steps<T>) => Promise<T>

/** How long a lookup may wait for a slice to end. */
const sliceMs = 0.2

/** Resolves when every event that waited has been handled once. */
function eventsHandled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Runs steps in slices of a fifth of a millisecond. */
export const inTurns: Work = async (steps) => {
  for (;;) {
    const until = performance.now() + sliceMs
    do {
      const step = steps.next()
      if (step.done === true) return step.value
    } while (performance.now() < until)
    await eventsHandled()
  }
}

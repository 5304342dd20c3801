// How work in steps behaves while it runs: src/directory/steps.ts.
import type { Steps } from '../../src/directory/steps.ts'

/** How often the work pauses until it is done. */
export function pausesOf(steps: Steps<unknown>): number {
  let pauses = 0
  while (steps.next().done !== true) pauses++
  return pauses
}

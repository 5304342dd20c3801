// A token bucket: how many AWS calls unprivileged peers and unknown names may cause, by any request.
import type { Clock } from './clock.ts'

export type CallBudget = {
  /** Takes `count` tokens; takes none and says false where there are fewer. */
  readonly take: (count: number) => boolean
  /** What was set aside and not spent; below zero: what was spent beyond it, paid by waiting. */
  readonly giveBack: (count: number) => void
  readonly left: () => number
  /** The most that it holds. */
  readonly size: number
}

/** Makes a full bucket that fills again at `perMinute`. */
export function createCallBudget(deps: {
  readonly clock: Clock
  readonly perMinute: number
}): CallBudget {
  const { clock, perMinute } = deps
  let tokens = perMinute
  let filledAt = clock.monotonic()

  const fill = (): void => {
    const now = clock.monotonic()
    tokens = Math.min(perMinute, tokens + ((now - filledAt) / 60_000) * perMinute)
    filledAt = now
  }

  return {
    size: perMinute,
    take: (count) => {
      fill()
      if (tokens < count) return false
      tokens -= count
      return true
    },
    giveBack: (count) => {
      fill()
      tokens = Math.min(perMinute, tokens + count)
    },
    left: () => {
      fill()
      return Math.floor(tokens)
    },
  }
}

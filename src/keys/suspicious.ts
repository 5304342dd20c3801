// A sudden loss of all keys of many people at once, which no single administrator's change is: it
// needs a second reading, later, or an administrator's word, as a halved directory does. Pure.

/** One person who had keys, as they were read. */
export type Reading = {
  /** Milliseconds of one clock. */
  readonly at: number
  /** No key was left. */
  readonly isLoss: boolean
}

/** From a loss of many people's keys to the second reading that is believed. */
const againMs = 30_000

/** A loss of all keys by many people within `windowMs` needs a second reading after `againMs`. */
export function massLossRules({ refreshMs }: { readonly refreshMs: number }): {
  readonly windowMs: number
  readonly againMs: number
} {
  return { windowMs: refreshMs, againMs: Math.min(refreshMs, againMs) }
}

/** Losing fewer people's keys than this at once is an ordinary day, whatever share of them it is. */
const ordinary = 2

/** Whether the losses within `windowMs` are too many to believe: more than half, and at least three. */
export function isMassLoss(readings: Iterable<Reading>, now: number, windowMs: number): boolean {
  let asked = 0
  let lost = 0
  for (const { at, isLoss } of readings) {
    if (now - at > windowMs) continue
    asked++
    if (isLoss) lost++
  }
  return lost > ordinary && lost * 2 > asked
}

// When the source is read next. The schedule's own reads follow refreshMs, and back off while they
// fail. Every other read (unknown names, identity checks, `iamlogin refresh`, the second look at a
// doubted answer) may bring the next one forward, and never puts it off.

/** How a read ended. `doubted`: the source answered, with a loss that is not believed yet. */
export type Outcome =
  | { readonly kind: 'good' | 'failed' }
  /** `since`: when the loss was first seen. */
  | { readonly kind: 'doubted'; readonly since: number }

/** Times are milliseconds on one clock. */
export type Schedule = {
  /** When the schedule's own next read begins, at the latest. */
  readonly nextAt: number
  /** When a doubted answer gets its second look; undefined when nothing is doubted. */
  readonly confirmAt: number | undefined
  /** Scheduled reads that failed in a row: no other read failed since the source last answered. */
  readonly failures: number
}

export type ScheduleRules = {
  readonly refreshMs: number
  /** The longest pause between two scheduled reads, where refreshMs is not longer. */
  readonly longestBackOffMs: number
  /** From a doubted answer to the second look. */
  readonly confirmAfterMs: number
}

export type ReadEnd = {
  readonly outcome: Outcome
  readonly at: number
  /**
   * 0 to 1: shortens the pause by up to a tenth, so that the hosts of a fleet drift apart. It never
   * lengthens it: a user deleted in IAM is gone within refreshMs.
   */
  readonly random: number
}

/** The pause after `failures` scheduled reads that failed: the first costs no delay, then it doubles. */
function pauseMs(failures: number, random: number, rules: ScheduleRules): number {
  const { refreshMs, longestBackOffMs } = rules
  const pause = refreshMs * 2 ** Math.max(0, failures - 1)
  return Math.min(pause, Math.max(longestBackOffMs, refreshMs)) * (1 - 0.1 * random)
}

/** Due at once: nothing was read yet. */
export function firstSchedule(now: number): Schedule {
  return { nextAt: now, confirmAt: undefined, failures: 0 }
}

/** The schedule after one of its own reads. */
export function afterScheduledRead(
  schedule: Schedule,
  { outcome, at, random }: ReadEnd,
  rules: ScheduleRules,
): Schedule {
  const failures = outcome.kind === 'failed' ? schedule.failures + 1 : 0
  return {
    failures,
    nextAt: at + pauseMs(failures, random, rules),
    confirmAt: outcome.kind === 'doubted' ? outcome.since + rules.confirmAfterMs : undefined,
  }
}

/** The schedule after a read that it did not ask for: a success ends the back-off, a failure says nothing. */
export function afterOtherRead(
  schedule: Schedule,
  { outcome, at, random }: ReadEnd,
  rules: ScheduleRules,
): Schedule {
  const { nextAt, confirmAt } = schedule
  if (outcome.kind === 'failed')
    return {
      ...schedule,
      confirmAt: confirmAt !== undefined && confirmAt > at ? confirmAt : undefined,
    }
  return {
    failures: 0,
    nextAt: Math.min(nextAt, at + pauseMs(0, random, rules)),
    confirmAt: outcome.kind === 'doubted' ? outcome.since + rules.confirmAfterMs : undefined,
  }
}

/** When the timer must fire, and whether the read is the schedule's own or the second look. */
export function due(schedule: Schedule): { readonly at: number; readonly scheduled: boolean } {
  const { nextAt, confirmAt } = schedule
  return confirmAt !== undefined && confirmAt < nextAt
    ? { at: confirmAt, scheduled: false }
    : { at: nextAt, scheduled: true }
}

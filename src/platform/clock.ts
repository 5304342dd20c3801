// Time as an argument, so that tests own it. The wall clock tells and saves times; ages go by the
// monotonic one, which cannot be set: a wall clock that steps back must not keep anything fresh.
import { uptime } from 'node:os'

export type Clock = {
  /** Wall clock, milliseconds since the epoch: it may step either way. */
  readonly now: () => number
  /** Milliseconds since some moment: never steps, goes on while the host is suspended. */
  readonly monotonic: () => number
  /** Calls back once after `ms`; the result cancels. The timer never holds the process. */
  readonly after: (ms: number, callback: () => void) => () => void
}

/** How often suspended time is looked for: os.uptime() opens a file. */
const suspendCheckMs = 1_000
/** /proc/uptime counts hundredths of a second: a smaller gain is rounding. */
const suspendGainMs = 50

/**
 * performance.now() (CLOCK_MONOTONIC) stands still while the host is suspended, os.uptime()
 * (CLOCK_BOOTTIME; proc(5)) does not: the difference is added.
 */
function createMonotonic(): () => number {
  const suspended = (): number => uptime() * 1000 - performance.now()
  let offset = suspended()
  let checkedAt = performance.now()
  return () => {
    const now = performance.now()
    if (now - checkedAt >= suspendCheckMs) {
      checkedAt = now
      const found = suspended()
      if (found - offset > suspendGainMs) offset = found
    }
    return offset + now
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: createMonotonic(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
}

/** When something was read: `wall` to tell and save, `monotonic` for its age. */
export type Moment = {
  readonly wall: number
  readonly monotonic: number
  /** Read by an earlier run: all that is known of its age is the wall clock's word. */
  readonly isSaved: boolean
}

/** This moment. */
export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic(), isSaved: false }
}

/**
 * The moment that an earlier run saved. A time in the future means that the clock or the file is
 * wrong: its age counts from now on, until the wall clock says more (ageOf).
 */
export function savedMoment(clock: Clock, wall: number): Moment {
  const age = Math.max(0, clock.now() - wall)
  return { wall, monotonic: clock.monotonic() - age, isSaved: true }
}

/**
 * Milliseconds since the moment. Of what this process read itself the monotonic clock alone tells;
 * of what an earlier run saved, whichever clock makes it older.
 */
export function ageOf(clock: Clock, moment: Moment): number {
  const age = clock.monotonic() - moment.monotonic
  return moment.isSaved ? Math.max(age, clock.now() - moment.wall) : age
}

/**
 * The moment on the wall clock as it goes now, which may have been set since. One that lies in the future
 * stays there: its age cannot be known.
 */
export function wallOf(clock: Clock, moment: Moment): number {
  return isInFuture(clock, moment) ? moment.wall : Math.floor(clock.now() - ageOf(clock, moment))
}

/** Whether the moment lies ahead of the wall clock: what was saved then cannot be called fresh. */
export function isInFuture(clock: Clock, moment: Moment): boolean {
  return moment.isSaved && moment.wall > clock.now()
}

// When the source is read: by the schedule for ever, and for each caller of readNow(). One read at a time.
import type { Clock } from '../platform/clock.ts'
import {
  afterOtherRead,
  afterScheduledRead,
  due,
  firstSchedule,
  type Outcome,
  type ScheduleRules,
} from './schedule.ts'

/** One read for all `requests`, and how it ended. It never rejects. */
export type RunRead<Request, Result> = (
  requests: readonly Request[],
) => Promise<{ readonly result: Result; readonly outcome: Outcome }>

export type ReadLoop<Request, Result> = {
  /** Reads as the schedule does, and from then on by the schedule. Callers of readNow() wait for it. */
  readonly start: (run: RunRead<Request, Result>) => Promise<Result>
  /** Waits for a read that begins after this call; callers share it. */
  readonly readNow: (request?: Request) => Promise<Result>
  readonly stop: () => void
}

/** A read that has not begun. */
type Waiting<Request, Result> = PromiseWithResolvers<Result> & { readonly requests: Request[] }

/** Makes the loop; nothing is read before start(). */
export function createReadLoop<Request, Result>(deps: {
  readonly timing: ScheduleRules
  readonly clock: Clock
  readonly random: () => number
}): ReadLoop<Request, Result> {
  const { clock, timing } = deps
  let schedule = firstSchedule(clock.monotonic())
  let run: RunRead<Request, Result> | undefined
  let waiting: Waiting<Request, Result> | undefined
  /** The next read that begins is the schedule's own. */
  let isScheduled = false
  let isRunning = false
  let isStopped = false
  let cancelTimer: (() => void) | undefined

  const arm = (): void => {
    cancelTimer?.()
    if (isStopped) return
    const { at, scheduled } = due(schedule)
    cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => {
      isScheduled ||= scheduled
      void readNow()
    })
  }

  const begin = async (): Promise<void> => {
    if (isRunning || run === undefined || waiting === undefined) return
    const { requests, resolve, reject } = waiting
    const after = isScheduled ? afterScheduledRead : afterOtherRead
    waiting = undefined
    isScheduled = false
    isRunning = true
    let outcome: Outcome = { kind: 'failed' }
    try {
      const ended = await run(requests)
      ;({ outcome } = ended)
      resolve(ended.result)
    } catch (error) {
      reject(error)
    }
    isRunning = false
    schedule = after(schedule, { outcome, at: clock.monotonic(), random: deps.random() }, timing)
    goOn()
  }

  const goOn = (): void => {
    if (waiting === undefined) arm()
    else void begin()
  }

  const readNow = (request?: Request): Promise<Result> => {
    // The read in flight may have passed the group before the change: wait for the one after it.
    waiting ??= { ...Promise.withResolvers<Result>(), requests: [] }
    if (request !== undefined) waiting.requests.push(request)
    const { promise } = waiting
    void begin()
    return promise
  }

  return {
    start: (first) => {
      run = first
      isScheduled = true
      return readNow()
    },
    readNow,
    stop: () => {
      isStopped = true
      cancelTimer?.()
    },
  }
}

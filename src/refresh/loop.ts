// When the source is read: by the schedule for ever, and for each caller of readNow(). One read at a time.
import type { Clock } from '../platform/clock.ts'
import {
  afterOtherRead,
  afterScheduledRead,
  due,
  firstSchedule,
  type Outcome,
  type Schedule,
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

export type ReadLoopDeps = {
  readonly timing: ScheduleRules
  readonly clock: Clock
  readonly random: () => number
}

type Self<Request, Result> = {
  readonly deps: ReadLoopDeps
  schedule: Schedule
  run: RunRead<Request, Result> | undefined
  waiting: Waiting<Request, Result> | undefined
  /** The next read that begins is the schedule's own. */
  isScheduled: boolean
  isRunning: boolean
  isStopped: boolean
  cancelTimer: (() => void) | undefined
}

function arm<Request, Result>(self: Self<Request, Result>): void {
  const { clock } = self.deps
  self.cancelTimer?.()
  if (self.isStopped) return
  const { at, scheduled } = due(self.schedule)
  self.cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => {
    self.isScheduled ||= scheduled
    void readNow(self)
  })
}

async function begin<Request, Result>(self: Self<Request, Result>): Promise<void> {
  const { run, waiting, deps } = self
  if (self.isRunning || run === undefined || waiting === undefined) return
  const { requests, resolve, reject } = waiting
  const after = self.isScheduled ? afterScheduledRead : afterOtherRead
  self.waiting = undefined
  self.isScheduled = false
  self.isRunning = true
  let outcome: Outcome = { kind: 'failed' }
  try {
    const ended = await run(requests)
    ;({ outcome } = ended)
    resolve(ended.result)
  } catch (error) {
    reject(error)
  }
  self.isRunning = false
  const end = { outcome, at: deps.clock.monotonic(), random: deps.random() }
  self.schedule = after(self.schedule, end, deps.timing)
  goOn(self)
}

function goOn<Request, Result>(self: Self<Request, Result>): void {
  if (self.waiting === undefined) arm(self)
  else void begin(self)
}

function readNow<Request, Result>(self: Self<Request, Result>, request?: Request): Promise<Result> {
  // The read in flight may have passed the group before the change: wait for the one after it.
  self.waiting ??= { ...Promise.withResolvers<Result>(), requests: [] }
  if (request !== undefined) self.waiting.requests.push(request)
  const { promise } = self.waiting
  void begin(self)
  return promise
}

/** Makes the loop; nothing is read before start(). */
export function createReadLoop<Request, Result>(deps: ReadLoopDeps): ReadLoop<Request, Result> {
  const idle = { isScheduled: false, isRunning: false, isStopped: false }
  const self: Self<Request, Result> = {
    ...{ deps, ...idle, run: undefined, waiting: undefined, cancelTimer: undefined },
    schedule: firstSchedule(deps.clock.monotonic()),
  }
  return {
    start: (run) => {
      self.run = run
      self.isScheduled = true
      return readNow(self)
    },
    readNow: (request) => readNow(self, request),
    stop: () => {
      self.isStopped = true
      self.cancelTimer?.()
    },
  }
}

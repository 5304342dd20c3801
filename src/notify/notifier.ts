// Tells chosen audit events at once: in order, one at a time, tried again, never in the way.
import pRetry, { AbortError } from 'p-retry'
import type { Audit, AuditEvent } from '../audit/event.ts'
import type { Log } from '../platform/log.ts'

export type Delivery = {
  /** The same at each try, so that a receiver can tell a repetition. */
  readonly id: string
  readonly event: AuditEvent
  /** The ECS document as JSON. */
  readonly body: string
}

/** Sends one delivery; the signal ends it. @throws {AbortError} when trying again is of no use */
export type Send = (delivery: Delivery, signal: AbortSignal) => Promise<void>

export type Notifier = {
  readonly notify: Audit
  /** Events that were given up or did not fit. */
  readonly dropped: () => number
  /** Gives what is queued a moment, then gives it up. */
  readonly close: () => Promise<void>
}

export type NotifierDeps = {
  readonly send: Send
  readonly events: readonly string[]
  readonly document: (event: AuditEvent) => unknown
  readonly newId: () => string
  readonly log: Log
  readonly queueMax: number
  /** First pause between tries in milliseconds; doubles, with jitter, up to a minute. */
  readonly pauseMs: number
  /** How long one try may take, in milliseconds. */
  readonly tryMs: number
  /** After how long an event is given up, in milliseconds. */
  readonly giveUpMs: number
  /** How long close() waits, in milliseconds. */
  readonly closeMs: number
}

export { AbortError }

type Self = {
  readonly deps: NotifierDeps
  readonly queue: Delivery[]
  readonly stopper: AbortController
  running: Promise<void> | undefined
  dropped: number
}

function drop(self: Self, { event, id }: Pick<Delivery, 'event' | 'id'>, why: unknown): void {
  const dropped = ++self.dropped
  self.deps.log.error(
    { err: why, action: event.action, delivery: id, dropped },
    'a notification is given up; the audit event itself is where it always is',
  )
}

async function attempt({ deps, stopper }: Self, delivery: Delivery): Promise<void> {
  const timeout = AbortSignal.timeout(deps.tryMs)
  try {
    await deps.send(delivery, AbortSignal.any([stopper.signal, timeout]))
  } catch (error) {
    if (!timeout.aborted) throw error
    throw new Error(`no answer within ${deps.tryMs} ms`, { cause: error })
  }
}

/** Tries one until it is taken, given up, or the resolver stops. */
async function deliver(self: Self, delivery: Delivery): Promise<void> {
  const { deps, stopper } = self
  try {
    await pRetry(() => attempt(self, delivery), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: deps.pauseMs,
      maxTimeout: 60_000,
      maxRetryTime: deps.giveUpMs,
      randomize: true,
      signal: stopper.signal,
    })
  } catch (error) {
    drop(self, delivery, error)
  }
}

async function run(self: Self): Promise<void> {
  const { queue, stopper } = self
  for (let next = queue[0]; next !== undefined && !stopper.signal.aborted; next = queue[0]) {
    await deliver(self, next)
    queue.shift()
  }
  // Only a stop leaves any.
  for (const delivery of queue.splice(0)) drop(self, delivery, stopper.signal.reason)
  self.running = undefined
}

function enqueue(self: Self, event: AuditEvent): void {
  const { deps, queue } = self
  if (!deps.events.includes(event.action)) return
  if (queue.length >= deps.queueMax) {
    // Not the first: it is on its way.
    const [oldest] = queue.splice(1, 1)
    if (oldest !== undefined) drop(self, oldest, new Error(`${deps.queueMax} events wait already`))
  }
  const id = deps.newId()
  try {
    queue.push({ id, event, body: JSON.stringify(deps.document(event)) })
  } catch (error) {
    drop(self, { id, event }, error)
    return
  }
  self.running ??= run(self)
}

/** Makes the sink. It never throws and never waits. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const stopper = new AbortController()
  const self: Self = { deps, queue: [], stopper, running: undefined, dropped: 0 }
  return {
    dropped: () => self.dropped,
    notify: (event) => {
      enqueue(self, event)
    },
    close: async () => {
      const timer = setTimeout(() => {
        stopper.abort(new Error('the resolver stops'))
      }, deps.closeMs)
      await self.running
      clearTimeout(timer)
    },
  }
}

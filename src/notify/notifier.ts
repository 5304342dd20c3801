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

/** Makes the sink. It never throws and never waits. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { log } = deps
  const queue: Delivery[] = []
  const stopper = new AbortController()
  let running: Promise<void> | undefined
  let dropped = 0

  const drop = ({ event, id }: Pick<Delivery, 'event' | 'id'>, why: unknown): void => {
    dropped++
    log.error(
      { err: why, action: event.action, delivery: id, dropped },
      'a notification is given up; the audit event itself is where it always is',
    )
  }

  const attempt = async (delivery: Delivery): Promise<void> => {
    const timeout = AbortSignal.timeout(deps.tryMs)
    try {
      await deps.send(delivery, AbortSignal.any([stopper.signal, timeout]))
    } catch (error) {
      if (!timeout.aborted) throw error
      throw new Error(`no answer within ${deps.tryMs} ms`, { cause: error })
    }
  }

  const run = async (): Promise<void> => {
    for (let next = queue[0]; next !== undefined && !stopper.signal.aborted; next = queue[0]) {
      const delivery = next
      try {
        await pRetry(() => attempt(delivery), {
          retries: Number.POSITIVE_INFINITY,
          minTimeout: deps.pauseMs,
          maxTimeout: 60_000,
          maxRetryTime: deps.giveUpMs,
          randomize: true,
          signal: stopper.signal,
        })
      } catch (error) {
        drop(delivery, error)
      }
      queue.shift()
    }
    // Only a stop leaves any.
    for (const delivery of queue.splice(0)) drop(delivery, stopper.signal.reason)
    running = undefined
  }

  return {
    dropped: () => dropped,
    notify: (event) => {
      if (!deps.events.includes(event.action)) return
      if (queue.length >= deps.queueMax) {
        // Not the first: it is on its way.
        const [oldest] = queue.splice(1, 1)
        if (oldest !== undefined) drop(oldest, new Error(`${deps.queueMax} events wait already`))
      }
      const id = deps.newId()
      try {
        queue.push({ id, event, body: JSON.stringify(deps.document(event)) })
      } catch (error) {
        drop({ id, event }, error)
        return
      }
      running ??= run()
    },
    close: async () => {
      const timer = setTimeout(() => {
        stopper.abort(new Error('the resolver stops'))
      }, deps.closeMs)
      await running
      clearTimeout(timer)
    },
  }
}

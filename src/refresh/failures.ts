// Reports a failing source to log and audit: once when it begins, once when it ends.
import type { Audit } from '../audit/event.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { ReadError } from './job.ts'

export type Failure = {
  readonly code: string
  readonly message: string
  readonly hint: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export type Failures = {
  readonly now: () => Failure | undefined
  readonly failed: (error: ReadError) => Failure
  readonly succeeded: () => void
}

export function createFailures(deps: {
  readonly clock: Clock
  readonly log: Log
  readonly audit: Audit
}): Failures {
  const { clock, log, audit } = deps
  let failure: Failure | undefined
  return {
    now: () => failure,
    failed: ({ code, message, hint }) => {
      const before = failure
      const now = { code, message, hint, at: clock.now() }
      failure = now
      log[before?.code === code ? 'debug' : 'error']({ code, hint }, message)
      if (before === undefined)
        audit({ action: 'source-failing', at: now.at, code, reason: message })
      return now
    },
    succeeded: () => {
      if (failure === undefined) return
      const { code } = failure
      const reason = 'the source answers again'
      failure = undefined
      log.info({ code }, reason)
      audit({ action: 'source-recovered', at: clock.now(), code, reason })
    },
  }
}

// Audit events as JSON lines in an append-only file. Each event is one write to a descriptor opened
// with O_APPEND for it alone: rotation by rename needs no signal, and no line is ever torn.
import { appendFileSync } from 'node:fs'
import type { Log } from '../platform/log.ts'
import type { Audit, AuditEvent } from './event.ts'
import { toEcs, type AuditHost } from './ecs.ts'

/** Events kept in memory while the file cannot be written. */
const waitingMax = 10_000

/** Makes the sink for `path`. What cannot be written waits for the next event. */
export function createFileAudit(path: string, host: AuditHost, log: Log): Audit {
  const waiting: AuditEvent[] = []
  let failing = false
  return (event) => {
    waiting.push(event)
    if (waiting.length > waitingMax) waiting.shift()
    try {
      appendFileSync(
        path,
        waiting.map((each) => `${JSON.stringify(toEcs(each, host))}\n`).join(''),
        { mode: 0o640 },
      )
      waiting.length = 0
      failing = false
    } catch (error) {
      if (!failing)
        log.error({ err: error }, `writing audit events to ${path} failed: they wait in memory`)
      failing = true
    }
  }
}

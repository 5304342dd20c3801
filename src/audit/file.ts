// Audit events as JSON lines in an append-only file, opened with O_APPEND for each event: rotation by
// rename needs no signal. What the disk does not take, be it half a line, waits for the next event.
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Log } from '../platform/log.ts'
import type { Audit } from './event.ts'
import { toEcs, type AuditHost } from './ecs.ts'

/** Lines kept in memory while the file cannot be written. */
const waitingMax = 10_000
/** Lines of one write: a full disk must not cost a copy of all that wait, at each event. */
const linesPerWrite = 64

/** Takes from the front what is written; the first may stay in part. */
function take(lines: Buffer[], written: number): void {
  let left = written
  for (let [line] = lines; line !== undefined && left >= line.length; [line] = lines) {
    left -= line.length
    lines.shift()
  }
  const [line] = lines
  if (line !== undefined && left > 0) lines[0] = line.subarray(left)
}

/** Appends the lines; what could not be written is still in them. */
function append(path: string, lines: Buffer[]): void {
  const file = openSync(path, 'a', 0o640)
  try {
    while (lines.length > 0)
      take(lines, writeSync(file, Buffer.concat(lines.slice(0, linesPerWrite))))
  } finally {
    closeSync(file)
  }
}

/** Makes the sink for `path`. */
export function createFileAudit(path: string, host: AuditHost, log: Log): Audit {
  const waiting: Buffer[] = []
  let failing = false
  return (event) => {
    try {
      waiting.push(Buffer.from(`${JSON.stringify(toEcs(event, host))}\n`))
      // Not the first: half of it may be in the file.
      if (waiting.length > waitingMax) waiting.splice(1, 1)
      append(path, waiting)
      failing = false
    } catch (error) {
      if (!failing)
        log.error({ err: error }, `writing audit events to ${path} failed: they wait in memory`)
      failing = true
    }
  }
}

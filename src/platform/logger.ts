// The daemon's own log: pino's JSON lines on stderr, which systemd puts into the journal.
import { pino } from 'pino'
import type { Log } from './log.ts'

/** @param level trace, debug, info, warn, error or silent */
export function createLogger(level: string): Log {
  const logger = pino(
    { level, base: { name: 'iamlogind' } },
    pino.destination({ fd: 2, sync: true }),
  )
  return {
    debug: (fields, message) => {
      logger.debug(fields, message)
    },
    info: (fields, message) => {
      logger.info(fields, message)
    },
    warn: (fields, message) => {
      logger.warn(fields, message)
    },
    error: (fields, message) => {
      logger.error(fields, message)
    },
  }
}

// A failure of a read, as plain data between the processes.
import { SourceError } from '../errors.ts'
import type { ReadError } from './job.ts'

/** Of what is no SourceError, the place in the code is told. */
export function toReadError(error: unknown): ReadError {
  if (error instanceof SourceError)
    return { code: error.code, message: error.message, hint: error.hint }
  return {
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    hint: 'this is a mistake in iamlogin: report it',
  }
}

/** The error of an outcome, for a caller that throws. */
export function toSourceError({ message, hint }: ReadError): SourceError {
  return new SourceError('source_malformed', message, { hint })
}

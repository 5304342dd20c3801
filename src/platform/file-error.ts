// A system call's error -> one line that names the file, the reason and the fix.
import { getSystemErrorMessage } from 'node:util'
import { FileError } from '../errors.ts'

/** Of two files the one that was to be put in place; rename(2). */
function pathOf(error: Error): string | undefined {
  if ('dest' in error && typeof error.dest === 'string') return error.dest
  return 'path' in error && typeof error.path === 'string' ? error.path : undefined
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that file system',
  EDQUOT: 'make room on that file system',
  EROFS: 'that file system is mounted read-only',
}

/**
 * Undefined for an error that is not the system's word about a file: a mistake of this program.
 * @param file what was read or written, for errors that do not name it: write(2)
 */
export function toFileError(error: unknown, file?: string): FileError | undefined {
  if (!(error instanceof Error) || !('errno' in error && 'code' in error)) return undefined
  const path = pathOf(error) ?? file
  if (path === undefined || typeof error.errno !== 'number') return undefined
  const code = String(error.code)
  const isDenied = code === 'EACCES' || code === 'EPERM'
  return new FileError(
    isDenied ? 'file_denied' : 'file_failed',
    `${path}: ${getSystemErrorMessage(error.errno)} (${code})`,
    {
      hint: isDenied ? 'run it as root' : (hints[code] ?? 'see errno(3) for the reason'),
      cause: error,
    },
  )
}

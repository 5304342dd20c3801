// What iamlogind says of an error that ends it, or a reload.
import { ConfigError, ResolverError, UsageError } from '../errors.ts'
import { toFileError } from '../platform/file-error.ts'

/** The sentence and, on a line of its own, the hint. */
export function errorText(error: unknown): string {
  if (error instanceof ConfigError || error instanceof ResolverError || error instanceof UsageError)
    return `${error.message}\nhint: ${error.hint}`
  const failed = toFileError(error)
  if (failed !== undefined) {
    const isDenied = failed.code === 'file_denied'
    const hint = isDenied ? 'start it as the user iamlogin: systemctl start iamlogind' : failed.hint
    return `${failed.message}\nhint: ${hint}`
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

// Of a group that could not be read: whether the others may be believed all the same.
import type { UnreadGroup } from '../directory/types.ts'
import type { SourceError } from '../errors.ts'

/** Reasons that no group of the source escapes: nobody needs to be asked about the others. */
const ofTheSource: ReadonlySet<SourceError['code']> = new Set([
  'source_no_credentials',
  'source_clock_skew',
  'source_unreachable',
])

/** Whether the failure may be of one group alone. */
export function isOfOneGroup(error: SourceError): boolean {
  return !ofTheSource.has(error.code)
}

/** @param name as it was asked for */
export function unreadGroup(name: string, error: SourceError): UnreadGroup {
  const { code, message, hint } = error
  return { name, code, message, hint, isAbsent: code === 'source_unknown_group' }
}

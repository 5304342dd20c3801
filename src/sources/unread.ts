// Of a group, or of one person's tags, that could not be read: whether the others may be believed all
// the same.
import type { UnreadGroup } from '../directory/types.ts'
import type { SourceError } from '../errors.ts'

/** Reasons that nothing of the source escapes: the others need not be asked for. */
const ofTheSource: ReadonlySet<SourceError['code']> = new Set([
  'source_no_credentials',
  'source_clock_skew',
  'source_unreachable',
])

/** Whether the failure may be of one group, or of one person, alone. */
export function isOfOne(error: SourceError): boolean {
  return !ofTheSource.has(error.code)
}

/** @param name as it was asked for */
export function unreadGroup(name: string, error: SourceError): UnreadGroup {
  const { code, message, hint } = error
  return { name, code, message, hint, isAbsent: code === 'source_unknown_group' }
}

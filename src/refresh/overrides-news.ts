// Reports to log and audit on overrides (accounts.tags) that could not be read while the rest was. Pure.
import type { SourceDirectory, UnreadOverrides } from '../directory/types.ts'
import type { OverridesNews } from './job.ts'

/** So many names are in one line; `status` has all. */
const mostNames = 10

function namesOf({ users }: SourceDirectory, ids: readonly string[]): string {
  const wanted = new Set(ids.slice(0, mostNames))
  const names = users.filter(({ id }) => wanted.has(id)).map(({ name }) => name)
  return ids.length > mostNames
    ? `${names.join(', ')} and ${ids.length - mostNames} more`
    : names.join(', ')
}

function sentenceOf(source: SourceDirectory, unread: UnreadOverrides): string {
  const { keptIds, unknownIds, reason } = unread
  const kept = keptIds.length === 0 ? [] : [`what was read last stays for ${keptIds.length}`]
  const left =
    unknownIds.length === 0
      ? []
      : [`no account before they are read for ${namesOf(source, unknownIds)}`]
  return `${reason?.message ?? ''}: ${[...kept, ...left].join('; ')}`
}

/** News once when overrides cannot be read, when another person has no account by it, and when it ends. */
export function overridesNews(
  before: SourceDirectory | undefined,
  now: SourceDirectory,
): OverridesNews | undefined {
  const [was, is] = [before?.unreadOverrides, now.unreadOverrides]
  if (is?.reason !== undefined) {
    const { code, hint } = is.reason
    const known = new Set(was?.unknownIds)
    const isNewReason = code !== was?.reason?.code
    if (!isNewReason && is.unknownIds.every((id) => known.has(id))) return undefined
    return { kind: 'failing', code, hint, reason: sentenceOf(now, is), isNewReason }
  }
  return was?.reason === undefined ? undefined : { kind: 'recovered', code: was.reason.code }
}

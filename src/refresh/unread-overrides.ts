// The log and the audit events of overrides (accounts.tags) that could not be read while the rest was.
import type { Audit } from '../audit/event.ts'
import type { SourceDirectory, UnreadOverrides } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

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

/** Tells once when overrides cannot be read, when another person has no account by it, and when it ends. */
export function createOverridesTeller(deps: {
  readonly clock: Clock
  readonly log: Log
  readonly audit: Audit
}): (before: SourceDirectory | undefined, now: SourceDirectory) => void {
  const { clock, log, audit } = deps
  return (before, now) => {
    const [was, is] = [before?.unreadOverrides, now.unreadOverrides]
    const at = clock.now()
    if (is?.reason !== undefined) {
      const { code, hint } = is.reason
      const known = new Set(was?.unknownIds)
      if (code === was?.reason?.code && is.unknownIds.every((id) => known.has(id))) return
      const reason = sentenceOf(now, is)
      log.warn({ code, hint }, reason)
      if (code !== was?.reason?.code) audit({ action: 'source-failing', at, code, reason })
    } else if (was?.reason !== undefined) {
      const { code } = was.reason
      const reason = "everyone's tags are read again, or not asked for any more"
      log.info({ code }, reason)
      audit({ action: 'source-recovered', at, code, reason })
    }
  }
}

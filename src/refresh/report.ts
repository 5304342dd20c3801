// Reports a read that was believed to log and audit.
import type { Audit } from '../audit/event.ts'
import type { Account } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { DirectoryChange, LoggedNotice, OverridesNews } from './job.ts'
import type { Current } from './store.ts'

type ReportDeps = { readonly clock: Clock; readonly log: Log; readonly audit: Audit }

/** What a read changed for people here. */
export type AccountsChange = {
  /** Linux names that are new here; undefined at a first read, without a directory before. */
  readonly arrived: readonly string[] | undefined
  /** Accounts that are gone, or have another uid. */
  readonly removed: readonly Account[]
}

/** The accounts of a change, as the directory before it has them. */
export function accountsChange(
  change: DirectoryChange | undefined,
  before: Current | undefined,
): AccountsChange {
  const { added = [], removed = [], renamed = [] } = change ?? {}
  return {
    arrived: change === undefined ? undefined : [...added, ...renamed.map(({ name }) => name)],
    removed: removed.flatMap((name) => before?.directory.accountByName(name) ?? []),
  }
}

/** Tells log and audit what became of overrides that cannot be read. */
export function reportOverrides(news: OverridesNews, { clock, log, audit }: ReportDeps): void {
  const at = clock.now()
  if (news.kind === 'recovered') {
    const reason = "everyone's tags are read again, or not asked for any more"
    log.info({ code: news.code }, reason)
    audit({ action: 'source-recovered', at, code: news.code, reason })
    return
  }
  const { code, hint, reason } = news
  log.warn({ code, hint }, reason)
  if (news.isNewReason) audit({ action: 'source-failing', at, code, reason })
}

/** Tells audit which accounts came, went and were renamed; `directory` is the new one. */
export function reportChange(
  change: DirectoryChange,
  { directory }: Current,
  { clock, audit }: ReportDeps,
): void {
  const at = clock.now()
  for (const { name, previousName } of change.renamed) {
    const account = directory.accountByName(name)
    if (account === undefined) continue
    const { passwd, user } = account
    audit({
      action: 'user-renamed',
      at,
      subject: { linuxUser: name, uid: passwd.uid, person: user },
      previousName,
      reason: `renamed in the source; uid ${passwd.uid} and home ${passwd.dir} stay`,
    })
  }
  const { added, removed } = change
  if (added.length + removed.length === 0) return
  const { userCount: users, groupCount: groups } = directory
  audit({ action: 'directory-changed', at, added, removed, users, groups })
}

/** Logs the notices that the directory before did not have. */
export function logNotices(
  log: Log,
  news: { readonly notices: readonly LoggedNotice[]; readonly moreNotices: number },
): void {
  for (const { kind, name, code, reason } of news.notices)
    log.warn({ code, [kind]: name }, `${kind} ${name}: ${reason}`)
  const count = news.moreNotices
  if (count > 0) log.warn({ count }, `${count} more notices: iamlogin status lists them all`)
}

// After each read of the source: ends the processes of accounts that lost access. The process table is read
// each time, so that a restart of the resolver forgets no session.
import { LRUCache } from 'lru-cache'
import pMap from 'p-map'
import type { Audit, AuditSubject } from '../audit/event.ts'
import type { Account, LocalAccounts } from '../directory/types.ts'
import type { KeyLookup } from '../keys/lookup.ts'
import { standingOf, type Standing } from '../keys/standing.ts'
import { atMost } from '../platform/at-most.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { DoorView } from './door.ts'
import type { SharedSession, Sessions } from './session.ts'

export type Revoker = {
  /**
   * Looks at every account that lives here.
   * @param removed accounts that the last read took away
   */
  readonly check: (removed: readonly Account[]) => Promise<void>
}

export type RevokeDeps = {
  readonly view: () => DoorView | undefined
  readonly local: () => LocalAccounts
  /** Uids that own processes now. */
  readonly liveUids: () => Promise<ReadonlySet<number>>
  readonly keysOf: KeyLookup['of']
  /** Ends every session and process of a uid; the number of processes that were signalled. */
  readonly terminate: (uid: number) => Promise<number>
  readonly sharedSessions: Sessions['shared']
  /** Ends in the book of sessions what the processes did not report themselves. */
  readonly abandon: Sessions['abandon']
  readonly onRevoke: 'terminate' | 'keep'
  readonly requireMfa: boolean
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
}

/** How long sshd and its like may take to close a session whose processes are gone. */
const reportMs = 2_000
/** How many people's keys are asked for at once. */
const concurrency = 5
const goneReason = 'deleted, or in no group of access.groups any more'

type Lost = { readonly subject: AuditSubject; readonly reason: string }
type Ending = 'terminated' | 'kept' | 'none' | 'failed'

/** Names of accounts that are gone, for events. */
const rememberedMax = 10_000

/** What changes while a revoker lives. */
type Self = {
  readonly deps: RevokeDeps
  /** Accounts that are gone, by uid, for names in events. Whether a uid was ever given, the directory tells. */
  readonly gone: LRUCache<number, Account>
  /** Uid -> what was reported of its loss: once, until access is back. */
  readonly reported: LRUCache<number, Ending>
  /** `ACCOUNT ID` of each session on a shared account that was reported as one that goes on. */
  readonly reportedShared: Set<string>
  isHiddenReported: boolean
}

/** A uid that was ours may have become a local user's since: such a one is never touched. */
async function liveUids(self: Self): Promise<ReadonlySet<number>> {
  const { deps } = self
  const local = new Set(deps.local().users.values())
  const live = await deps.liveUids()
  if (!live.has(0) && !self.isHiddenReported) {
    self.isHiddenReported = true
    deps.log.warn(
      {},
      'the process table is hidden from iamlogind (hidepid): sessions of people who lose access cannot be found and go on; mount /proc with gid= of the group iamlogin',
    )
  }
  return new Set([...live].filter((uid) => !local.has(uid)))
}

function lostBy({ passwd, user }: Account): Lost {
  const subject = { linuxUser: passwd.name, uid: passwd.uid, person: user }
  return { subject, reason: goneReason }
}

/** Uids that live here, were given to people of the source, and are in no account now. */
function goneUids(
  { gone }: Self,
  { directory }: DoorView,
  live: ReadonlySet<number>,
): ReadonlyMap<number, Lost> {
  const uids = [...live].filter(
    (uid) =>
      (gone.has(uid) || directory.wasGiven(uid)) && directory.accountByUid(uid) === undefined,
  )
  return new Map(
    uids.map((uid) => {
      const was = gone.get(uid)
      const nameless = { subject: { linuxUser: `uid ${uid}`, uid }, reason: goneReason }
      return [uid, was === undefined ? nameless : lostBy(was)]
    }),
  )
}

/** Once for a loss; again when what became of its sessions changed, as after a helper's failure. */
function report(self: Self, { subject, reason }: Lost, sessions: Ending): void {
  const { deps, reported } = self
  const { uid } = subject
  if (uid === undefined) return
  const before = reported.get(uid)
  if (before === sessions || (before !== undefined && sessions === 'none')) return
  reported.set(uid, sessions)
  deps.audit({ action: 'access-lost', at: deps.clock.now(), subject, reason, sessions })
}

/** Ends what runs under a uid. */
async function end(self: Self, uid: number, lost: Lost): Promise<void> {
  const { deps } = self
  if (deps.onRevoke === 'keep') {
    report(self, lost, 'kept')
    return
  }
  try {
    await deps.terminate(uid)
    report(self, lost, 'terminated')
    const endedAt = deps.clock.now()
    const { person } = lost.subject
    if (person === undefined) return
    deps.clock.after(reportMs, () => {
      deps.abandon(person, endedAt)
    })
  } catch (error) {
    deps.log.error(
      { err: error, uid },
      `ending the sessions of ${lost.subject.linuxUser} failed; the next read tries again`,
    )
    report(self, lost, 'failed')
  }
}

/** Ends the processes of an account whose person has no key left; clears the report when access is back. */
async function endIfKeyless(self: Self, uid: number, isLive: boolean): Promise<void> {
  const { deps, reported } = self
  const account = deps.view()?.directory.accountByUid(uid)
  if (account === undefined) return
  const { passwd, user } = account
  const standing = standingOf(await deps.keysOf(user), deps.requireMfa)
  if (standing?.state === 'good') reported.delete(uid)
  if (standing?.state !== 'lost' || !isLive) return
  const subject = { linuxUser: passwd.name, uid, person: user }
  await end(self, uid, { subject, reason: standing.reason })
}

async function sharedStanding(
  { deps }: Self,
  { account, person: { id } }: SharedSession,
): Promise<Standing | undefined> {
  const sharers = deps.view()?.directory.sharersOf(account)
  const person = sharers?.find((each) => each.id === id)
  if (person === undefined)
    return { state: 'lost', reason: 'in no group that shares the account any more' }
  return standingOf(await deps.keysOf(person), deps.requireMfa)
}

/** The processes of a shared account belong to a local user: they go on, and an audit event says so. */
async function reportShared(self: Self, mark: string, session: SharedSession): Promise<void> {
  const { deps, reportedShared } = self
  const standing = await sharedStanding(self, session)
  if (standing?.state === 'good') reportedShared.delete(mark)
  if (standing?.state !== 'lost' || reportedShared.has(mark)) return
  reportedShared.add(mark)
  const { account, person } = session
  deps.audit({
    action: 'access-lost',
    at: deps.clock.now(),
    subject: { linuxUser: account, person },
    reason: `${standing.reason}: the session on the shared account ${account} goes on and must be ended by hand`,
    sessions: 'kept',
  })
}

/** Where IAM hangs, each question costs its whole budget: some are asked at once. */
async function forEach<T>(items: Iterable<T>, run: (item: T) => Promise<void>): Promise<void> {
  await pMap(items, run, { concurrency })
}

async function checkShared(self: Self): Promise<void> {
  const sessions = new Map(
    self.deps.sharedSessions().map((each) => [`${each.account} ${each.person.id}`, each]),
  )
  for (const mark of self.reportedShared) if (!sessions.has(mark)) self.reportedShared.delete(mark)
  await forEach(sessions, ([mark, session]) => reportShared(self, mark, session))
}

async function check(self: Self, removed: readonly Account[]): Promise<void> {
  const { deps, gone, reported } = self
  const view = deps.view()
  if (view === undefined) return
  for (const account of removed) gone.set(account.passwd.uid, account)
  const live = await liveUids(self)
  const isHere = (uid: number): boolean => deps.view()?.directory.accountByUid(uid) !== undefined
  for (const [uid, lost] of goneUids(self, deps.view() ?? view, live))
    if (!isHere(uid)) await end(self, uid, lost)
  for (const account of removed) {
    const { uid } = account.passwd
    if (!isHere(uid) && !live.has(uid)) report(self, lostBy(account), 'none')
  }
  const uids = new Set([...live, ...reported.keys()])
  await forEach(uids, (uid) => endIfKeyless(self, uid, live.has(uid)))
  await checkShared(self)
}

/** Makes the watch over live sessions. */
export function createRevoker(deps: RevokeDeps): Revoker {
  const self: Self = {
    deps,
    gone: new LRUCache(atMost(rememberedMax)),
    reported: new LRUCache(atMost(rememberedMax)),
    reportedShared: new Set(),
    isHiddenReported: false,
  }
  return { check: (removed) => check(self, removed) }
}

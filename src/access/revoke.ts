// Whose right ended: after each read of the source, the processes of whoever lost it end too.
// Who lives here is read from the process table each time: a restart forgets nobody.
import type { Audit, AuditSubject } from '../audit/event.ts'
import { sharersOf } from '../directory/access.ts'
import type { Account, Directory, LocalAccounts, SourceUser } from '../directory/types.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { DoorView } from './door.ts'
import type { SharedSession, Sessions } from './session.ts'

export type Revoker = {
  /** Looks at everybody who lives here; `before` names those who are gone. */
  readonly check: (before: Directory | undefined) => Promise<void>
}

export type RevokeDeps = {
  readonly view: () => DoorView | undefined
  readonly local: () => LocalAccounts
  /** Uids that own processes now. */
  readonly liveUids: () => Promise<ReadonlySet<number>>
  readonly keysOf: KeyLookup['of']
  /** Ends every session and process of a uid; the number of processes that were told. */
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
type Standing = { readonly state: 'good' } | { readonly state: 'lost'; readonly reason: string }

/** Only a fresh answer of the source takes access away, or gives it back; undefined in an outage. */
function standingOf(answer: PersonKeys, requireMfa: boolean): Standing | undefined {
  if (answer.status !== 'success' || answer.stale) return undefined
  if (answer.keys.length === 0) return { state: 'lost', reason: 'no active, valid key is left' }
  if (requireMfa && answer.mfa === false) return { state: 'lost', reason: 'no MFA device is left' }
  return { state: 'good' }
}

/** Makes the watch over live sessions. */
export function createRevoker(deps: RevokeDeps): Revoker {
  /** Uid -> who had it, for names in events; pins alone tell that a uid was ours. */
  const known = new Map<number, { readonly name: string; readonly person: SourceUser }>()
  /** Uid -> what was told of its loss: once, until access is back. */
  const told = new Map<number, Ending>()
  /** Person and shared account of whose sessions it was told that they go on. */
  const toldShared = new Set<string>()
  let toldHidden = false

  const remember = (accounts: readonly Account[]): void => {
    for (const { passwd, user } of accounts)
      known.set(passwd.uid, { name: passwd.name, person: user })
  }

  /** A uid that was ours may have become a local user's since: such a one is never touched. */
  const liveUids = async (): Promise<ReadonlySet<number>> => {
    const local = new Set(deps.local().users.values())
    const live = await deps.liveUids()
    if (!live.has(0) && !toldHidden) {
      toldHidden = true
      deps.log.warn(
        {},
        'the process table is hidden from iamlogind (hidepid): sessions of people who lose access cannot be found and go on; mount /proc with gid= of the group iamlogin',
      )
    }
    return new Set([...live].filter((uid) => !local.has(uid)))
  }

  /** Uids that were given to people of the source and are nobody's now. */
  const lostAccounts = (view: DoorView, live: ReadonlySet<number>): ReadonlyMap<number, Lost> => {
    const given = new Set(Object.values(view.directory.pins.uids))
    const uids = [...live].filter((uid) => given.has(uid) || known.has(uid))
    const gone = uids.filter((uid) => view.index.accountByUid(uid) === undefined)
    return new Map(
      gone.map((uid) => {
        const was = known.get(uid)
        const subject = { linuxUser: was?.name ?? `uid ${uid}`, uid }
        return [
          uid,
          {
            subject: was === undefined ? subject : { ...subject, person: was.person },
            reason: goneReason,
          },
        ]
      }),
    )
  }

  /** Once for a loss; again when what became of its sessions changed, as after a helper's failure. */
  const tell = (uid: number, { subject, reason }: Lost, sessions: Ending): void => {
    const before = told.get(uid)
    if (before === sessions || (before !== undefined && sessions === 'none')) return
    told.set(uid, sessions)
    deps.audit({ action: 'access-lost', at: deps.clock.now(), subject, reason, sessions })
  }

  const end = async (uid: number, lost: Lost): Promise<void> => {
    if (deps.onRevoke === 'keep') {
      tell(uid, lost, 'kept')
      return
    }
    try {
      await deps.terminate(uid)
      tell(uid, lost, 'terminated')
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
      tell(uid, lost, 'failed')
    }
  }

  /** Ends what is left of who is here and may not enter; forgets what was told of who may again. */
  const endLostKeys = async (view: DoorView, live: ReadonlySet<number>): Promise<void> => {
    const uids = new Set([...live, ...told.keys()]).values()
    // Where IAM hangs, each question costs its whole budget.
    const worker = async (): Promise<void> => {
      for (const uid of uids) {
        const account = view.index.accountByUid(uid)
        if (account === undefined) continue
        const { passwd, user } = account
        const standing = standingOf(await deps.keysOf(user), deps.requireMfa)
        if (standing?.state === 'good') told.delete(uid)
        if (standing?.state !== 'lost' || !live.has(uid)) continue
        const subject = { linuxUser: passwd.name, uid, person: user }
        await end(uid, { subject, reason: standing.reason })
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  const sharedStanding = async (
    view: DoorView,
    session: SharedSession,
  ): Promise<Standing | undefined> => {
    const sharers = sharersOf(view.directory, session.account)
    const person = sharers?.find(({ id }) => id === session.person.id)
    if (person === undefined)
      return { state: 'lost', reason: 'in no group that shares the account any more' }
    return standingOf(await deps.keysOf(person), deps.requireMfa)
  }

  /** A shared account's processes are a local user's: they are not ended, which somebody must know. */
  const checkShared = async (view: DoorView): Promise<void> => {
    const sessions = new Map(
      deps.sharedSessions().map((each) => [`${each.account} ${each.person.id}`, each]),
    )
    for (const mark of toldShared) if (!sessions.has(mark)) toldShared.delete(mark)
    for (const [mark, session] of sessions) {
      const standing = await sharedStanding(view, session)
      if (standing?.state === 'good') toldShared.delete(mark)
      if (standing?.state !== 'lost' || toldShared.has(mark)) continue
      toldShared.add(mark)
      const { account, person } = session
      deps.audit({
        action: 'access-lost',
        at: deps.clock.now(),
        subject: { linuxUser: account, person },
        reason: `${standing.reason}: the session on the shared account ${account} goes on and must be ended by hand`,
        sessions: 'kept',
      })
    }
  }

  return {
    check: async (before) => {
      const view = deps.view()
      if (view === undefined) return
      remember(before?.accounts ?? [])
      const live = await liveUids()
      for (const [uid, each] of lostAccounts(view, live)) await end(uid, each)
      for (const { passwd, user } of before?.accounts ?? []) {
        const { name, uid } = passwd
        if (view.index.accountByUid(uid) !== undefined || live.has(uid)) continue
        const subject = { linuxUser: name, uid, person: user }
        tell(uid, { subject, reason: goneReason }, 'none')
      }
      await endLostKeys(view, live)
      await checkShared(view)
    },
  }
}

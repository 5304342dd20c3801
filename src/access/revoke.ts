// Whose right ended: after each read of the source, the processes of whoever lost it end too.
// Who lives here is read from the process table each time: a restart forgets nobody.
import type { Audit, AuditSubject } from '../audit/event.ts'
import type { Account, Directory, SourceUser } from '../directory/types.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { DoorView } from './door.ts'
import type { Sessions } from './session.ts'

export type Revoker = {
  /** Looks at everybody who lives here; `before` names those who are gone. */
  readonly check: (before: Directory | undefined) => Promise<void>
}

export type RevokeDeps = {
  readonly view: () => DoorView | undefined
  /** Uids that own processes now. */
  readonly liveUids: () => Promise<ReadonlySet<number>>
  readonly keysOf: KeyLookup['of']
  /** Ends every session and process of a uid; the number of processes that were told. */
  readonly terminate: (uid: number) => Promise<number>
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

type Lost = { readonly subject: AuditSubject; readonly reason: string }

/** Only a fresh answer of the source takes a session away: an outage never does. */
function flawOf(answer: PersonKeys, requireMfa: boolean): string | undefined {
  if (answer.status !== 'success' || answer.stale) return undefined
  if (answer.keys.length === 0) return 'no active, valid key is left'
  return requireMfa && answer.mfa === false ? 'no MFA device is left' : undefined
}

/** Makes the watch over live sessions. */
export function createRevoker(deps: RevokeDeps): Revoker {
  /** Uid -> who had it, for names in events; pins alone tell that a uid was ours. */
  const known = new Map<number, { readonly name: string; readonly person: SourceUser }>()
  /** Uids whose loss was told: once, until they are back. */
  const told = new Set<number>()

  const remember = (accounts: readonly Account[]): void => {
    for (const { passwd, user } of accounts)
      known.set(passwd.uid, { name: passwd.name, person: user })
  }

  /** Uids that were given to people of the source and are nobody's now. */
  const lostAccounts = (view: DoorView, live: ReadonlySet<number>): ReadonlyMap<number, Lost> => {
    const given = new Map(Object.entries(view.directory.pins.uids).map(([id, uid]) => [uid, id]))
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
            reason: 'deleted, or in no group of access.groups any more',
          },
        ]
      }),
    )
  }

  const lostKeys = async (
    view: DoorView,
    live: ReadonlySet<number>,
  ): Promise<ReadonlyMap<number, Lost>> => {
    const lost = new Map<number, Lost>()
    for (const uid of live) {
      const account = view.index.accountByUid(uid)
      if (account === undefined) continue
      const reason = flawOf(await deps.keysOf(account.user), deps.requireMfa)
      if (reason === undefined) told.delete(uid)
      else
        lost.set(uid, {
          subject: { linuxUser: account.passwd.name, uid, person: account.user },
          reason,
        })
    }
    return lost
  }

  const tell = ({ subject, reason }: Lost, sessions: 'terminated' | 'kept' | 'none' | 'failed') => {
    if (subject.uid !== undefined) {
      if (told.has(subject.uid)) return
      told.add(subject.uid)
    }
    deps.audit({ action: 'access-lost', at: deps.clock.now(), subject, reason, sessions })
  }

  const end = async (uid: number, lost: Lost): Promise<void> => {
    if (deps.onRevoke === 'keep') {
      tell(lost, 'kept')
      return
    }
    try {
      await deps.terminate(uid)
      tell(lost, 'terminated')
      const { person } = lost.subject
      if (person === undefined) return
      deps.clock.after(reportMs, () => {
        deps.abandon(person, deps.clock.now())
      })
    } catch (error) {
      deps.log.error(
        { err: error, uid },
        `ending the sessions of ${lost.subject.linuxUser} failed; the next read tries again`,
      )
      tell(lost, 'failed')
    }
  }

  return {
    check: async (before) => {
      const view = deps.view()
      if (view === undefined) return
      if (before !== undefined) remember(before.accounts)
      const live = await deps.liveUids()
      const lost = new Map([...lostAccounts(view, live), ...(await lostKeys(view, live))])
      for (const [uid, each] of lost) await end(uid, each)
      for (const { passwd, user } of before?.accounts ?? []) {
        if (view.index.accountByUid(passwd.uid) !== undefined || live.has(passwd.uid)) continue
        const subject = { linuxUser: passwd.name, uid: passwd.uid, person: user }
        tell({ subject, reason: 'deleted, or in no group of access.groups any more' }, 'none')
      }
      remember(view.directory.accounts)
      for (const uid of told)
        if (!lost.has(uid) && view.index.accountByUid(uid) !== undefined) told.delete(uid)
    },
  }
}

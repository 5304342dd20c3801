// Sessions as PAM reports them: opened, closed, and with which key.
import { LRUCache } from 'lru-cache'
import { atMost } from '../platform/at-most.ts'
import type { Audit, AuditKey, AuditSubject } from '../audit/event.ts'
import type { LocalAccounts, SourceUser } from '../directory/types.ts'
import { identify as identifyKey } from '../keys/certificate.ts'
import { keyOfBlob } from '../keys/credentials.ts'
import type { KeyLookup } from '../keys/lookup.ts'
import type { SessionFields } from '../wire/codec.ts'
import type { Door, DoorView } from './door.ts'

export type Sessions = {
  readonly open: (fields: SessionFields) => Promise<void>
  readonly close: (fields: SessionFields) => Promise<void>
  readonly live: () => number
  /** Who is on which shared local account now, as far as this run of the resolver saw them come. */
  readonly shared: () => readonly SharedSession[]
  /**
   * Ends in the book what a person's processes, terminated at `at`, could not report any more: not
   * what is on a shared account, whose processes nobody ended.
   */
  readonly abandon: (person: SourceUser, at: number) => void
}

export type SharedSession = { readonly account: string; readonly person: SourceUser }

export type SessionDeps = {
  readonly view: () => DoorView | undefined
  readonly local: () => LocalAccounts
  /** Whose key opened the door a moment ago. */
  readonly opened: Door['opened']
  readonly entered: Door['entered']
  /** The last known keys: nobody is asked, to put a name into an event. */
  readonly known: KeyLookup['known']
  readonly audit: Audit
}

type Who = {
  readonly subject: AuditSubject
  readonly key: AuditKey | undefined
  /** On a shared local account, entered as such: its processes are a local user's. */
  readonly shared: boolean
}

type Live = Who & { readonly fields: SessionFields }

/** Sessions that were ended in the book: a late report of the same is no second end. */
const closedMax = 10_000
/** Not every end is reported (a killed sudo's is not): the oldest of too many are let go. */
const liveMax = 50_000

/** The first public key of SSH_AUTH_INFO_0: lines `publickey TYPE BLOB`; sshd(8). */
export function keyOfAuthInfo(
  authInfo: string,
): { readonly type: string; readonly blob: string } | undefined {
  const [, type = '', blob = ''] = /^publickey (\S+) ([A-Za-z0-9+/=]+)/m.exec(authInfo) ?? []
  return blob === '' ? undefined : { type, blob }
}

/** When the session began: its name begins with the time in hexadecimal, protocol.h. */
function openedAt(session: string): bigint | undefined {
  return /^[0-9a-f]{32}$/.test(session) ? BigInt(`0x${session.slice(0, 16)}`) : undefined
}

/** Makes the book of sessions. */
export function createSessions(deps: SessionDeps): Sessions {
  const live = new Map<string, Live>()
  const remember = (session: string, each: Live): void => {
    live.set(session, each)
    for (const oldest of live.keys()) {
      if (live.size <= liveMax) return
      live.delete(oldest)
    }
  }
  const closed = new LRUCache<string, true>(atMost(closedMax))
  const isClosed = (session: string): boolean => closed.get(session) === true

  const identify = (fields: SessionFields): Who | undefined => {
    const view = deps.view()
    const entered = view?.directory.accountByName(fields.user)
    const asker = view?.directory.accountByName(fields.ruser)
    // sudo and su enter somebody else's account: the person is who asked. With an address it is
    // what another host claims, which counts only where nothing else tells.
    const account = fields.rhost === '' ? (asker ?? entered) : (entered ?? asker)
    const shared = account === undefined
    const people = shared ? (view?.directory.sharersOf(fields.user) ?? []) : [account.user]
    if (people.length === 0) return undefined
    const base = {
      linuxUser: fields.user,
      ...(entered === undefined ? {} : { uid: entered.passwd.uid }),
    }
    const used = keyOfAuthInfo(fields.authInfo)
    if (used === undefined)
      return {
        shared,
        key: undefined,
        subject: shared ? base : { ...base, person: account.user },
      }
    const { blob, fingerprint, certificate } = identifyKey(used.blob)
    const usedKey = {
      fingerprint,
      type: used.type,
      ...(certificate === undefined ? {} : { certificate }),
    }
    const opened = deps.opened(fingerprint)
    if (opened !== undefined && people.some(({ id }) => id === opened.person.id))
      return {
        shared,
        subject: { ...base, person: opened.person },
        key: { ...usedKey, id: opened.keyId },
      }
    for (const person of people) {
      const credentials = deps.known(person)?.credentials
      const key = credentials === undefined ? undefined : keyOfBlob(credentials, blob)
      if (key !== undefined)
        return {
          shared,
          subject: { ...base, person },
          key: { ...usedKey, id: key.id },
        }
    }
    return {
      shared,
      subject: shared ? base : { ...base, person: account.user },
      key: usedKey,
    }
  }

  const doorOf = ({ service, tty, rhost, ruser }: SessionFields) => ({ service, tty, rhost, ruser })

  const tellClose = (
    fields: SessionFields,
    who: Pick<Who, 'subject' | 'key'>,
    at: number,
  ): void => {
    const openedUs = live.get(fields.session)?.fields.timeUs ?? openedAt(fields.session)
    live.delete(fields.session)
    closed.set(fields.session, true)
    deps.audit({
      action: 'session-close',
      at,
      subject: who.subject,
      door: doorOf(fields),
      session: fields.session,
      pid: fields.pid,
      ...(who.key === undefined ? {} : { key: who.key }),
      ...(openedUs === undefined ? {} : { durationMs: at - Number(openedUs / 1000n) }),
    })
  }

  const begin = (fields: SessionFields): void => {
    const who = identify(fields)
    deps.entered(fields.user)
    if (who === undefined) return
    // Its end may have been reported before it.
    if (!isClosed(fields.session)) remember(fields.session, { fields, ...who })
    deps.audit({
      action: fields.service.startsWith('sudo') ? 'sudo' : 'session-open',
      at: Number(fields.timeUs / 1000n),
      subject: who.subject,
      door: doorOf(fields),
      session: fields.session,
      pid: fields.pid,
      ...(who.key === undefined ? {} : { key: who.key }),
    })
  }

  const end = (fields: SessionFields): void => {
    if (isClosed(fields.session)) return
    const isLocal = deps.local().users.has(fields.user)
    // Somebody whose account went meanwhile: the end of the session is told all the same.
    const who =
      live.get(fields.session) ??
      identify(fields) ??
      (isLocal ? undefined : { subject: { linuxUser: fields.user }, key: undefined })
    if (who !== undefined) tellClose(fields, who, Number(fields.timeUs / 1000n))
  }

  return {
    live: () => live.size,
    open: (fields) => {
      begin(fields)
      return Promise.resolve()
    },
    close: (fields) => {
      end(fields)
      return Promise.resolve()
    },
    shared: () =>
      [...live.values()].flatMap(({ shared, subject: { linuxUser, person } }) =>
        shared && person !== undefined ? [{ account: linuxUser, person }] : [],
      ),
    abandon: (person, at) => {
      for (const each of [...live.values()]) {
        const isTheirs = each.subject.person?.id === person.id && !each.shared
        if (isTheirs && Number(each.fields.timeUs / 1000n) <= at) tellClose(each.fields, each, at)
      }
    },
  }
}

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
  /** People on shared accounts now, as far as this run of the resolver saw them log in. */
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
  /** The owner of a key that sshd was given a moment ago. */
  readonly opened: Door['opened']
  readonly entered: Door['entered']
  /** The last known keys: the source is not asked to put a name into an event. */
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

type Self = {
  readonly deps: SessionDeps
  readonly live: Map<string, Live>
  readonly closed: LRUCache<string, true>
}

function remember({ live }: Self, session: string, each: Live): void {
  live.set(session, each)
  for (const oldest of live.keys()) {
    if (live.size <= liveMax) return
    live.delete(oldest)
  }
}

function isClosed({ closed }: Self, session: string): boolean {
  return closed.get(session) === true
}

/** The person whose key it is: the one that sshd was given it for a moment ago, else by the known keys. */
function ownerOf(
  { deps }: Self,
  people: readonly SourceUser[],
  { fingerprint, blob }: { readonly fingerprint: string; readonly blob: string },
): { readonly person: SourceUser; readonly id: string } | undefined {
  const opened = deps.opened(fingerprint)
  if (opened !== undefined && people.some(({ id }) => id === opened.person.id))
    return { person: opened.person, id: opened.keyId }
  for (const person of people) {
    const credentials = deps.known(person)?.credentials
    const key = credentials === undefined ? undefined : keyOfBlob(credentials, blob)
    if (key !== undefined) return { person, id: key.id }
  }
  return undefined
}

/** The people whose session it may be; none for a session of another name service's user. */
function candidates({ deps }: Self, fields: SessionFields) {
  const view = deps.view()
  const entered = view?.directory.accountByName(fields.user)
  const asker = view?.directory.accountByName(fields.ruser)
  // sudo and su enter another account: the person is PAM_RUSER. With PAM_RHOST set, PAM_RUSER is what
  // another host claims, which counts only where nothing else tells.
  const account = fields.rhost === '' ? (asker ?? entered) : (entered ?? asker)
  const people =
    account === undefined ? (view?.directory.sharersOf(fields.user) ?? []) : [account.user]
  const uid = entered === undefined ? {} : { uid: entered.passwd.uid }
  return { people, account, subject: { linuxUser: fields.user, ...uid } }
}

function identify(self: Self, fields: SessionFields): Who | undefined {
  const { people, account, subject } = candidates(self, fields)
  if (people.length === 0) return undefined
  const shared = account === undefined
  const nameless = { shared, subject: shared ? subject : { ...subject, person: account.user } }
  const used = keyOfAuthInfo(fields.authInfo)
  if (used === undefined) return { ...nameless, key: undefined }
  const { blob, fingerprint, certificate } = identifyKey(used.blob)
  const ofCertificate = certificate === undefined ? {} : { certificate }
  const key = { fingerprint, type: used.type, ...ofCertificate }
  const owner = ownerOf(self, people, { fingerprint, blob })
  if (owner === undefined) return { ...nameless, key }
  const { person, id } = owner
  return { shared, subject: { ...subject, person }, key: { ...key, id } }
}

/** What the events of a session's begin and end have in common. */
function eventOf(fields: SessionFields, { subject, key }: Pick<Who, 'subject' | 'key'>) {
  const { service, tty, rhost, ruser, session, pid } = fields
  const door = { service, tty, rhost, ruser }
  return { subject, door, session, pid, ...(key === undefined ? {} : { key }) }
}

function reportClose(
  { deps, live, closed }: Self,
  fields: SessionFields,
  { who, at }: { readonly who: Pick<Who, 'subject' | 'key'>; readonly at: number },
): void {
  const openedUs = live.get(fields.session)?.fields.timeUs ?? openedAt(fields.session)
  live.delete(fields.session)
  closed.set(fields.session, true)
  const duration = openedUs === undefined ? {} : { durationMs: at - Number(openedUs / 1000n) }
  deps.audit({ action: 'session-close', at, ...eventOf(fields, who), ...duration })
}

function open(self: Self, fields: SessionFields): void {
  const { deps } = self
  const who = identify(self, fields)
  deps.entered(fields.user)
  if (who === undefined) return
  // Its end may have been reported before it.
  if (!isClosed(self, fields.session)) remember(self, fields.session, { fields, ...who })
  const action = fields.service.startsWith('sudo') ? 'sudo' : 'session-open'
  deps.audit({ action, at: Number(fields.timeUs / 1000n), ...eventOf(fields, who) })
}

function close(self: Self, fields: SessionFields): void {
  if (isClosed(self, fields.session)) return
  const isLocal = self.deps.local().users.has(fields.user)
  // The account may be gone meanwhile: the end of the session is reported all the same.
  const who =
    self.live.get(fields.session) ??
    identify(self, fields) ??
    (isLocal ? undefined : { subject: { linuxUser: fields.user }, key: undefined })
  if (who !== undefined) reportClose(self, fields, { who, at: Number(fields.timeUs / 1000n) })
}

function abandon(self: Self, person: SourceUser, at: number): void {
  for (const each of [...self.live.values()]) {
    const isTheirs = each.subject.person?.id === person.id && !each.shared
    if (isTheirs && Number(each.fields.timeUs / 1000n) <= at)
      reportClose(self, each.fields, { who: each, at })
  }
}

/** Makes the book of sessions. */
export function createSessions(deps: SessionDeps): Sessions {
  const self: Self = { deps, live: new Map(), closed: new LRUCache(atMost(closedMax)) }
  return {
    live: () => self.live.size,
    open: (fields) => {
      open(self, fields)
      return Promise.resolve()
    },
    close: (fields) => {
      close(self, fields)
      return Promise.resolve()
    },
    shared: () =>
      [...self.live.values()].flatMap(({ shared, subject: { linuxUser, person } }) =>
        shared && person !== undefined ? [{ account: linuxUser, person }] : [],
      ),
    abandon: (person, at) => {
      abandon(self, person, at)
    },
  }
}

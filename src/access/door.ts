// The questions asked at the door: which keys open it, and may this person enter now.
import { LRUCache } from 'lru-cache'
import type { Audit, AuditDoor, AuditKey, AuditSubject } from '../audit/event.ts'
import type { KeysConfig } from '../config/config.ts'
import type { Account, LocalAccounts, SourceUser } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import { identify } from '../keys/certificate.ts'
import type { KeyLookup } from '../keys/lookup.ts'
import { flawOf, knownFlawOf } from '../keys/standing.ts'
import { atMost } from '../platform/at-most.ts'
import { ageOf, type Clock, type Moment } from '../platform/clock.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import { collect, collectShared, has, type Collected, type Found } from './collect.ts'

export type KeysAnswer =
  | { readonly status: 'success'; readonly lines: readonly string[]; readonly stale: boolean }
  | { readonly status: 'notfound' }
  | { readonly status: 'unavail'; readonly reason: string }

export type AccountAnswer = {
  /** 'unknown': the C side decides by directory.db, or refuses. */
  readonly verdict: 'allow' | 'deny' | 'ignore' | 'unknown'
  readonly rule: string
  /** For the person at the door: says no more than they may know. */
  readonly message: string
  readonly stale: boolean
}

export type KeysQuestion = {
  readonly user: string
  readonly uid: number
  /** sshd's %t and %k; empty: every key. */
  readonly keyType: string
  readonly keyBlob: string
}

export type Door = {
  readonly authorizedKeys: (question: KeysQuestion) => Promise<KeysAnswer>
  readonly account: (user: string, door: AuditDoor) => Promise<AccountAnswer>
  /** The owner of a key that sshd was given a moment ago, by fingerprint: it may be gone by now. */
  readonly opened: (fingerprint: string) => Opened | undefined
  /** This account was entered: the same key at the door is another login from here on. */
  readonly entered: (linuxUser: string) => void
}

export type Opened = { readonly person: SourceUser; readonly keyId: string }

/** What the door sees of the directory; handed in, so that this room knows no store. */
export type DoorView = {
  readonly directory: DirectoryView
  readonly readAt: Moment
}

export type DoorDeps = {
  readonly view: () => DoorView | undefined
  readonly local: () => LocalAccounts
  /** Has the source read for a name that is not in the directory. */
  readonly askMiss: (name: string) => Promise<'present' | 'absent' | 'unknown'>
  readonly keys: Pick<KeyLookup, 'of' | 'sparingly' | 'known' | 'last'>
  readonly requireMfa: boolean
  readonly keysConfig: KeysConfig
  readonly offlineMs: number
  readonly clock: Clock
  readonly audit: Audit
}

/** How long a question waits for the source; protocol.h's deadline leaves room for the way. */
export const doorBudgetMs = 5_000

/** sshd asks twice for one login: the second is no second event. */
const repeatMs = 5_000
/** From the key to the session: sshd's LoginGraceTime, and room. */
const openedMs = 300_000
const recentMax = 10_000

/** PAM_TTY of every login by sshd, which has no terminal yet: OpenSSH's auth-pam.c. */
const sshdTty = 'ssh'

/** PAM is asked before the event of the session tells which key opened: here it is known only as offered. */
function memberBy(keyWasOffered: boolean): string {
  return keyWasOffered ? 'a member; an active key of theirs was offered' : 'a member'
}

type Why = { readonly reason: string; readonly stale: boolean }

function auditKey({ fingerprint, type, id }: AuthorizedKey): AuditKey {
  return { fingerprint, type, id }
}

/** What the door remembers for a moment. */
type Self = {
  readonly deps: DoorDeps
  /** Keys that were reported a moment ago, with the account. */
  readonly reported: LRUCache<string, string>
  readonly opened: LRUCache<string, Opened>
  /** Accounts for which sshd was given a key a moment ago, until it asks whether they may enter. */
  readonly admitted: LRUCache<string, true>
}

function isExpired({ deps }: Self, view: DoorView): boolean {
  return ageOf(deps.clock, view.readAt) > deps.offlineMs
}

function reportKey(
  { deps, reported }: Self,
  action: 'key-offered' | 'key-refused',
  fields: { readonly subject: AuditSubject; readonly key: AuditKey } & Why,
): void {
  const { linuxUser } = fields.subject
  const mark = `${action} ${linuxUser} ${fields.key.fingerprint}`
  if (reported.has(mark)) return
  reported.set(mark, linuxUser)
  deps.audit({ action, at: deps.clock.now(), ...fields })
}

function entered({ reported }: Self, linuxUser: string): void {
  for (const [mark, account] of [...reported.entries()])
    if (account === linuxUser) reported.delete(mark)
}

/** The account of a name, and the directory that has it: the source is read for a new name. */
async function accountNow(
  { deps }: Self,
  view: DoorView,
  name: string,
): Promise<{ readonly account: Account | undefined; readonly view: DoorView } | 'unknown'> {
  const isNew = view.directory.accountByName(name) === undefined
  if (isNew && (await deps.askMiss(name)) === 'unknown') return 'unknown'
  const now = deps.view() ?? view
  return { account: now.directory.accountByName(name), view: now }
}

type PeopleOfAccount =
  | { readonly people: readonly SourceUser[]; readonly view: DoorView }
  | { readonly people: undefined; readonly answer: KeysAnswer }

/** The people whose keys open `user`; the answer where there are none, or that is not known. */
async function peopleOf(self: Self, { user, uid }: KeysQuestion): Promise<PeopleOfAccount> {
  const none = { people: undefined, answer: { status: 'notfound' } } as const
  const reason = 'the directory cannot be read now'
  const unread = { people: undefined, answer: { status: 'unavail', reason } } as const
  if (user === 'root' || uid === 0) return none
  const view = self.deps.view()
  if (view === undefined) return unread
  const localUid = self.deps.local().users.get(user)
  if (localUid !== undefined) {
    const people = view.directory.sharersOf(user)
    return people !== undefined && localUid === uid ? { people, view } : none
  }
  const now = await accountNow(self, view, user)
  if (now === 'unknown') return unread
  return now.account?.passwd.uid === uid ? { people: [now.account.user], view: now.view } : none
}

function refuseKey(self: Self, subject: AuditSubject, key: AuditKey, why: Why): KeysAnswer {
  reportKey(self, 'key-refused', { subject, key, ...why })
  return { status: 'success', lines: [], stale: why.stale }
}

/** The offered key opens the account. */
function admit(
  self: Self,
  { user, uid }: KeysQuestion,
  { key, person }: Found,
  stale: boolean,
): KeysAnswer {
  self.opened.set(key.fingerprint, { person, keyId: key.id })
  self.admitted.set(user, true)
  reportKey(self, 'key-offered', {
    subject: { linuxUser: user, uid, person },
    key: auditKey(key),
    reason: 'active key of this person',
    stale,
  })
  return { status: 'success', lines: [key.line], stale }
}

/** No person of the account has the offered key. */
function refuseUnknown(
  self: Self,
  { keyBlob, keyType }: KeysQuestion,
  subject: AuditSubject,
  stale: boolean,
): KeysAnswer {
  const { fingerprint, certificate } = identify(keyBlob)
  const key = { fingerprint, type: keyType }
  return refuseKey(self, subject, certificate === undefined ? key : { ...key, certificate }, {
    reason:
      certificate === undefined
        ? 'not an active, valid key of this person'
        : "a certificate: sshd's TrustedUserCAKeys opens to those, no key of IAM does",
    stale,
  })
}

function answerOffered(
  self: Self,
  question: KeysQuestion,
  people: readonly SourceUser[],
  { found, barred, stale, unavail }: Collected,
): KeysAnswer {
  const isOffered = has(question.keyBlob)
  const match = found.find(isOffered)
  if (match !== undefined) return admit(self, question, match, stale)
  const subject = { linuxUser: question.user, uid: question.uid }
  const refused = barred.find(isOffered)
  if (refused !== undefined)
    return refuseKey(self, { ...subject, person: refused.person }, auditKey(refused.key), {
      reason: 'access.require_mfa: this person has no MFA device',
      stale,
    })
  // The key may belong to a person whose keys could not be read.
  if (unavail !== undefined) return { status: 'unavail', reason: unavail }
  const [only] = people.length === 1 ? people : []
  return refuseUnknown(self, question, only ? { ...subject, person: only } : subject, stale)
}

async function authorizedKeys(self: Self, question: KeysQuestion): Promise<KeysAnswer> {
  const asked = await peopleOf(self, question)
  if (asked.people === undefined) return asked.answer
  const { people, view } = asked
  if (isExpired(self, view))
    return {
      status: 'unavail',
      reason: 'the last read of the source is older than source.offline',
    }
  const { user, keyBlob } = question
  const deps = { ...self.deps, budgetMs: doorBudgetMs }
  // The one person of an account is asked for at each unknown key: a new one works at once.
  const collected = deps.local().users.has(user)
    ? await collectShared(deps, people, keyBlob)
    : await collect(deps, people, { ask: deps.keys.of, keyBlob, until: Infinity })
  if (keyBlob !== '') return answerOffered(self, question, people, collected)
  const { found, stale, unavail } = collected
  if (found.length === 0 && unavail !== undefined) return { status: 'unavail', reason: unavail }
  return { status: 'success', lines: found.slice(0, 100).map(({ key }) => key.line), stale }
}

/** An answer, and the person to report it of; none where PAM goes on without our verdict. */
type Decision = AccountAnswer & { readonly subject: AuditSubject | undefined }

function ignore(rule: string): Decision {
  return { verdict: 'ignore', rule, message: '', stale: false, subject: undefined }
}

function deny(rule: string, subject: AuditSubject, stale = false): Decision {
  const message = `${subject.linuxUser} may not log in to this host now. Ask whoever manages your IAM user.`
  return { verdict: 'deny', rule, message, stale, subject }
}

function allow(subject: AuditSubject, stale: boolean, rule = 'access.groups'): Decision {
  return { verdict: 'allow', rule, message: '', stale, subject }
}

/** Whether the person may not enter by what was read of them last. */
function isBarredOffline({ deps }: Self, user: SourceUser): boolean {
  const last = deps.keys.last(user)
  const { requireMfa, keysConfig: keys, clock } = deps
  const rules = { keys, requireMfa, now: clock.now() }
  return last !== undefined && knownFlawOf(user, last.credentials, rules) !== undefined
}

/** As directory.db and keys.db say offline: a person who is known here comes in while the source is away. */
function decideOffline(self: Self, subject: AuditSubject, user: SourceUser): Decision {
  return self.deps.requireMfa || isBarredOffline(self, user)
    ? deny('the source cannot be asked', subject)
    : allow(subject, true, 'access.groups, while keys cannot be asked for')
}

async function decide(self: Self, user: string): Promise<Decision> {
  const { deps } = self
  if (deps.local().users.has(user)) return ignore('local account')
  const unknown = (rule: string): Decision => ({ ...ignore(rule), verdict: 'unknown' })
  const view = deps.view()
  if (view === undefined) return unknown('no directory yet')
  const now = await accountNow(self, view, user)
  if (now === 'unknown') return unknown('the source cannot be asked')
  const { account } = now
  if (account === undefined) return ignore('no user of the source')
  const subject = { linuxUser: user, uid: account.passwd.uid, person: account.user }
  if (isExpired(self, now.view)) return deny('source.offline', subject, true)
  const answer = await deps.keys.of(account.user)
  if (answer.status === 'unavail') return decideOffline(self, subject, account.user)
  const flaw = flawOf(answer, deps.requireMfa)
  return flaw === undefined ? allow(subject, answer.stale) : deny(flaw, subject, answer.stale)
}

async function account(self: Self, user: string, door: AuditDoor): Promise<AccountAnswer> {
  const { deps, admitted } = self
  const { subject, ...answer } = await decide(self, user)
  // Of a certificate, cron or sudo the event must not say that a key opened the door.
  const byKey = door.tty === sshdTty && admitted.get(user) === true && admitted.delete(user)
  entered(self, user)
  if (subject !== undefined)
    deps.audit({
      action: answer.verdict === 'allow' ? 'login-allowed' : 'login-refused',
      at: deps.clock.now(),
      subject,
      door,
      rule: answer.rule,
      reason: answer.rule === 'access.groups' ? memberBy(byKey) : answer.rule,
      stale: answer.stale,
    })
  return answer
}

/** Makes the door. */
export function createDoor(deps: DoorDeps): Door {
  const perf = { now: deps.clock.monotonic }
  const recent = <Value extends string | true | Opened>(ttl: number): LRUCache<string, Value> =>
    new LRUCache({ ...atMost(recentMax), ttl, ttlResolution: 0, perf })
  const self: Self = {
    deps,
    reported: recent(repeatMs),
    opened: recent(openedMs),
    admitted: recent(openedMs),
  }
  return {
    authorizedKeys: (question) => authorizedKeys(self, question),
    account: (user, door) => account(self, user, door),
    opened: (fingerprint) => self.opened.get(fingerprint),
    entered: (linuxUser) => {
      entered(self, linuxUser)
    },
  }
}

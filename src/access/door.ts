// The questions asked at the door: which keys open it, and may this person enter now.
import { LRUCache } from 'lru-cache'
import type { Audit, AuditDoor, AuditKey, AuditSubject } from '../audit/event.ts'
import type { KeysConfig } from '../config/config.ts'
import type { Account, LocalAccounts, SourceUser } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import { identify } from '../keys/certificate.ts'
import { knownFlawOf } from '../keys/known-flaw.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import { atMost } from '../platform/at-most.ts'
import { ageOf, type Clock, type Moment } from '../platform/clock.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import { createCollector, has, type Collected } from './collect.ts'

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
  /** Whose key opened the door a moment ago, by fingerprint: it may be gone by now. */
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

/** Why a person may not enter although the name is theirs; undefined when they may. */
export function flawOf(
  answer: Extract<PersonKeys, { status: 'success' }>,
  requireMfa: boolean,
): string | undefined {
  if (requireMfa && answer.mfa !== true) return 'access.require_mfa'
  if (answer.keys.length === 0) return 'no valid key'
  return undefined
}

/** Makes the door. */
export function createDoor(deps: DoorDeps): Door {
  const { clock, audit } = deps
  const recent = <Value extends string | true | Opened>(ttl: number): LRUCache<string, Value> =>
    new LRUCache({ ...atMost(recentMax), ttl, ttlResolution: 0, perf: { now: clock.monotonic } })
  /** Keys that were reported a moment ago, with the account. */
  const told = recent<string>(repeatMs)
  const opened = recent<Opened>(openedMs)
  /** Accounts for which sshd was given a key a moment ago, until it asks whether they may enter. */
  const admitted = recent<true>(openedMs)

  const expired = (view: DoorView): boolean => ageOf(clock, view.readAt) > deps.offlineMs

  const { collect, collectShared } = createCollector({ ...deps, budgetMs: doorBudgetMs })

  const tellKey = (
    action: 'key-offered' | 'key-refused',
    told_: { readonly subject: AuditSubject; readonly key: AuditKey } & Why,
  ): void => {
    const { linuxUser } = told_.subject
    const mark = `${action} ${linuxUser} ${told_.key.fingerprint}`
    if (told.has(mark)) return
    told.set(mark, linuxUser)
    audit({ action, at: clock.now(), ...told_ })
  }
  const entered = (linuxUser: string): void => {
    for (const [mark, account] of [...told.entries()]) if (account === linuxUser) told.delete(mark)
  }

  /** The account of a name, and the directory that has it: the source is read for a new name. */
  const accountNow = async (
    view: DoorView,
    name: string,
  ): Promise<{ readonly account: Account | undefined; readonly view: DoorView } | 'unknown'> => {
    const isNew = view.directory.accountByName(name) === undefined
    if (isNew && (await deps.askMiss(name)) === 'unknown') return 'unknown'
    const now = deps.view() ?? view
    return { account: now.directory.accountByName(name), view: now }
  }

  /** The people whose keys open `user`; the answer where there are none, or that is not known. */
  const peopleOf = async ({
    user,
    uid,
  }: KeysQuestion): Promise<
    | { readonly people: readonly SourceUser[]; readonly view: DoorView }
    | { readonly people: undefined; readonly answer: KeysAnswer }
  > => {
    const none = { people: undefined, answer: { status: 'notfound' } } as const
    const reason = 'the directory cannot be read now'
    const unread = { people: undefined, answer: { status: 'unavail', reason } } as const
    if (user === 'root' || uid === 0) return none
    const view = deps.view()
    if (view === undefined) return unread
    const localUid = deps.local().users.get(user)
    if (localUid !== undefined) {
      const people = view.directory.sharersOf(user)
      return people !== undefined && localUid === uid ? { people, view } : none
    }
    const now = await accountNow(view, user)
    if (now === 'unknown') return unread
    return now.account?.passwd.uid === uid ? { people: [now.account.user], view: now.view } : none
  }

  const refuseKey = (subject: AuditSubject, key: AuditKey, why: Why): KeysAnswer => {
    tellKey('key-refused', { subject, key, ...why })
    return { status: 'success', lines: [], stale: why.stale }
  }

  const offered = (
    question: KeysQuestion,
    people: readonly SourceUser[],
    { found, barred, stale, unavail }: Collected,
  ): KeysAnswer => {
    const isOffered = has(question.keyBlob)
    const match = found.find(isOffered)
    const subject = { linuxUser: question.user, uid: question.uid }
    if (match !== undefined) {
      const { key, person } = match
      opened.set(key.fingerprint, { person, keyId: key.id })
      admitted.set(question.user, true)
      tellKey('key-offered', {
        subject: { ...subject, person },
        key: auditKey(key),
        reason: 'active key of this person',
        stale,
      })
      return { status: 'success', lines: [key.line], stale }
    }
    const shut = barred.find(isOffered)
    if (shut !== undefined)
      return refuseKey({ ...subject, person: shut.person }, auditKey(shut.key), {
        reason: 'access.require_mfa: this person has no MFA device',
        stale,
      })
    // Whose keys could not be known may be whose key this is.
    if (unavail !== undefined) return { status: 'unavail', reason: unavail }
    const [only] = people.length === 1 ? people : []
    const { fingerprint, certificate } = identify(question.keyBlob)
    const key = { fingerprint, type: question.keyType }
    return refuseKey(
      only === undefined ? subject : { ...subject, person: only },
      certificate === undefined ? key : { ...key, certificate },
      {
        reason:
          certificate === undefined
            ? 'not an active, valid key of this person'
            : "a certificate: sshd's TrustedUserCAKeys opens to those, no key of IAM does",
        stale,
      },
    )
  }

  const authorizedKeys: Door['authorizedKeys'] = async (question) => {
    const asked = await peopleOf(question)
    if (asked.people === undefined) return asked.answer
    const { people, view } = asked
    if (expired(view))
      return {
        status: 'unavail',
        reason: 'the last read of the source is older than source.offline',
      }
    const { user, keyBlob } = question
    // The one person of an account is asked for at each unknown key: a new one works at once.
    const collected = deps.local().users.has(user)
      ? await collectShared(people, keyBlob)
      : await collect(people, { ask: deps.keys.of, keyBlob, until: Infinity })
    if (keyBlob !== '') return offered(question, people, collected)
    const { found, stale, unavail } = collected
    if (found.length === 0 && unavail !== undefined) return { status: 'unavail', reason: unavail }
    return { status: 'success', lines: found.slice(0, 100).map(({ key }) => key.line), stale }
  }

  const isShut = (user: SourceUser): boolean => {
    const last = deps.keys.last(user)
    const { requireMfa, keysConfig: keys } = deps
    const rules = { keys, requireMfa, now: clock.now() }
    return last !== undefined && knownFlawOf(user, last.credentials, rules) !== undefined
  }

  /** The answer, and the person of whom it is to be reported: not where the door has no say. */
  const decide = async (
    user: string,
  ): Promise<AccountAnswer & { readonly subject: AuditSubject | undefined }> => {
    const ignore = (rule: string) => ({
      verdict: 'ignore' as const,
      rule,
      message: '',
      stale: false,
      subject: undefined,
    })
    const deny = (rule: string, about: AuditSubject, stale = false) => ({
      verdict: 'deny' as const,
      rule,
      message: `${user} may not log in to this host now. Ask whoever manages your IAM user.`,
      stale,
      subject: about,
    })
    const allow = (about: AuditSubject) => ({
      verdict: 'allow' as const,
      rule: 'access.groups',
      message: '',
      subject: about,
    })
    if (deps.local().users.has(user)) return ignore('local account')
    const unknown = (rule: string) => ({ ...ignore(rule), verdict: 'unknown' as const })
    const view = deps.view()
    if (view === undefined) return unknown('no directory yet')
    const now = await accountNow(view, user)
    if (now === 'unknown') return unknown('the source cannot be asked')
    const { account } = now
    if (account === undefined) return ignore('no user of the source')
    const about = { linuxUser: user, uid: account.passwd.uid, person: account.user }
    if (expired(now.view)) return deny('source.offline', about, true)
    const answer = await deps.keys.of(account.user)
    // As directory.db and keys.db say without a resolver: a person who is known here comes in while the
    // source is away, unless no valid key was left when it was read last.
    if (answer.status === 'unavail')
      return deps.requireMfa || isShut(account.user)
        ? deny('the source cannot be asked', about)
        : { ...allow(about), rule: 'access.groups, while keys cannot be asked for', stale: true }
    const flaw = flawOf(answer, deps.requireMfa)
    if (flaw !== undefined) return deny(flaw, about, answer.stale)
    return { ...allow(about), stale: answer.stale }
  }

  return {
    authorizedKeys,
    opened: (fingerprint) => opened.get(fingerprint),
    entered,
    account: async (user, door) => {
      const { subject, ...answer } = await decide(user)
      // Of a certificate, cron or sudo the event must not say that a key opened the door.
      const byKey = door.tty === sshdTty && admitted.get(user) === true && admitted.delete(user)
      entered(user)
      if (subject !== undefined)
        audit({
          action: answer.verdict === 'allow' ? 'login-allowed' : 'login-refused',
          at: clock.now(),
          subject,
          door,
          rule: answer.rule,
          reason: answer.rule === 'access.groups' ? memberBy(byKey) : answer.rule,
          stale: answer.stale,
        })
      return answer
    },
  }
}

// Sessions as PAM reports them: opened, closed, and with which key.
import type { Audit, AuditKey, AuditSubject } from '../audit/event.ts'
import type { LocalAccounts, SourceUser } from '../directory/types.ts'
import { fingerprintOf } from '../keys/authorized-key.ts'
import type { PersonKeys } from '../keys/lookup.ts'
import type { SessionFields } from '../wire/codec.ts'
import type { DoorView } from './door.ts'

export type Sessions = {
  readonly open: (fields: SessionFields) => Promise<void>
  readonly close: (fields: SessionFields) => Promise<void>
  readonly live: () => number
}

export type SessionDeps = {
  readonly view: () => DoorView | undefined
  readonly local: () => LocalAccounts
  readonly keysOf: (user: SourceUser) => Promise<PersonKeys>
  readonly audit: Audit
}

type Live = {
  readonly openedUs: bigint
  readonly subject: AuditSubject
  readonly key: AuditKey | undefined
}

/** The first public key of SSH_AUTH_INFO_0: lines `publickey TYPE BLOB`; sshd(8). */
export function keyOfAuthInfo(
  authInfo: string,
): { readonly type: string; readonly blob: string } | undefined {
  const match = /^publickey (\S+) ([A-Za-z0-9+/=]+)/m.exec(authInfo)
  return match === null ? undefined : { type: match[1] ?? '', blob: match[2] ?? '' }
}

/** When the session began: its name begins with the time in hexadecimal, protocol.h. */
function openedAt(session: string): bigint | undefined {
  return /^[0-9a-f]{32}$/.test(session) ? BigInt(`0x${session.slice(0, 16)}`) : undefined
}

/** Makes the book of sessions. */
export function createSessions(deps: SessionDeps): Sessions {
  const live = new Map<string, Live>()

  const identify = async (
    fields: SessionFields,
  ): Promise<
    { readonly subject: AuditSubject; readonly key: AuditKey | undefined } | undefined
  > => {
    const view = deps.view()
    // sudo and su enter somebody else's account: the person is who asked.
    const account =
      view?.index.accountByName(fields.user) ?? view?.index.accountByName(fields.ruser)
    const people =
      account === undefined ? (view?.directory.shared[fields.user] ?? []) : [account.user]
    if (account === undefined && people.length === 0) return undefined
    const base = {
      linuxUser: fields.user,
      ...(account?.passwd.name === fields.user ? { uid: account.passwd.uid } : {}),
    }
    const used = keyOfAuthInfo(fields.authInfo)
    if (used === undefined)
      return {
        key: undefined,
        subject: account === undefined ? base : { ...base, person: account.user },
      }
    const fingerprint = fingerprintOf(used.blob)
    for (const person of people) {
      const answer = await deps.keysOf(person)
      const key =
        answer.status === 'success'
          ? answer.keys.find((each) => each.blob === used.blob)
          : undefined
      if (key !== undefined)
        return { subject: { ...base, person }, key: { fingerprint, type: used.type, id: key.id } }
    }
    return {
      subject: account === undefined ? base : { ...base, person: account.user },
      key: { fingerprint, type: used.type },
    }
  }

  const doorOf = ({ service, tty, rhost, ruser }: SessionFields) => ({ service, tty, rhost, ruser })

  return {
    live: () => live.size,
    open: async (fields) => {
      const who = await identify(fields)
      if (who === undefined) return
      live.set(fields.session, { openedUs: fields.timeUs, ...who })
      deps.audit({
        action: fields.service.startsWith('sudo') ? 'sudo' : 'session-open',
        at: Number(fields.timeUs / 1000n),
        subject: who.subject,
        door: doorOf(fields),
        session: fields.session,
        pid: fields.pid,
        ...(who.key === undefined ? {} : { key: who.key }),
      })
    },
    close: async (fields) => {
      const opened = live.get(fields.session)
      live.delete(fields.session)
      const isLocal = deps.local().users.has(fields.user)
      // Somebody whose account went meanwhile: the end of the session is told all the same.
      const who =
        opened ??
        (await identify(fields)) ??
        (isLocal ? undefined : { subject: { linuxUser: fields.user }, key: undefined })
      if (who === undefined) return
      const openedUs = opened?.openedUs ?? openedAt(fields.session)
      deps.audit({
        action: 'session-close',
        at: Number(fields.timeUs / 1000n),
        subject: who.subject,
        door: doorOf(fields),
        session: fields.session,
        pid: fields.pid,
        ...(who.key === undefined ? {} : { key: who.key }),
        ...(openedUs === undefined
          ? {}
          : { durationMs: Number((fields.timeUs - openedUs) / 1000n) }),
      })
    },
  }
}

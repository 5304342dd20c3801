// Audit events read back: journal entries and lines of the file, as one kind of row. Pure.
import * as z from 'zod'
import type { LocalAccounts } from '../directory/types.ts'

/** An event as it is shown; `document` is the ECS one, or what the door wrote while alone. */
export type AuditRow = {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly action: string
  readonly user: string
  readonly iamUser: string
  readonly from: string
  readonly key: string
  readonly reason: string
  /** Every name in it: Linux users, the IAM user, the user that asked (PAM_RUSER). */
  readonly names: readonly string[]
  /** Written by the PAM module or the key command itself: no resolver answered. */
  readonly unreported: boolean
  readonly document: Readonly<Record<string, unknown>>
}

const ecs = z.looseObject({
  '@timestamp': z.string(),
  event: z.looseObject({ action: z.string(), reason: z.string().optional() }),
  user: z
    .looseObject({
      name: z.string().optional(),
      id: z.string().optional(),
      effective: z.looseObject({ name: z.string().optional() }).optional(),
    })
    .optional(),
  related: z.looseObject({ user: z.array(z.string()) }).optional(),
  source: z.looseObject({ address: z.string().optional() }).optional(),
  iamlogin: z
    .looseObject({
      key: z.looseObject({ id: z.string().optional(), fingerprint: z.string() }).optional(),
      rule: z.string().optional(),
    })
    .optional(),
})

const entry = z.looseObject({
  __REALTIME_TIMESTAMP: z.string().regex(/^\d+$/),
  _UID: z.string().regex(/^\d+$/),
  IAMLOGIN_EVENT: z.string().optional(),
  IAMLOGIN_ACTION: z.string(),
  IAMLOGIN_USER: z.string().optional(),
  IAMLOGIN_RUSER: z.string().optional(),
  IAMLOGIN_IAM_USER: z.string().optional(),
  IAMLOGIN_ARN: z.string().optional(),
  IAMLOGIN_RHOST: z.string().optional(),
  IAMLOGIN_KEY_FINGERPRINT: z.string().optional(),
  IAMLOGIN_KEY_ID: z.string().optional(),
  IAMLOGIN_RULE: z.string().optional(),
  IAMLOGIN_REASON: z.string().optional(),
})

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A line of audit.file; undefined for what is no event, such as a torn line. */
export function rowOfLine(line: string): AuditRow | undefined {
  const decoded = ecs.safeParse(parse(line))
  if (!decoded.success) return undefined
  const { data } = decoded
  const key = data.iamlogin?.key
  const at = Date.parse(data['@timestamp'])
  if (Number.isNaN(at)) return undefined
  return {
    at,
    action: data.event.action,
    user: data.user?.effective?.name ?? '',
    iamUser: data.user?.id === undefined ? '' : (data.user.name ?? ''),
    from: data.source?.address ?? '',
    key: key?.id ?? key?.fingerprint ?? '',
    reason: data.event.reason ?? '',
    names: data.related?.user ?? [],
    unreported: false,
    document: data,
  }
}

/** The uids whose entries are believed: root's, for the PAM module, and that of the user iamlogin. */
export function journalWriters({ users }: LocalAccounts): ReadonlySet<number> {
  const own = users.get('iamlogin')
  return new Set(own === undefined ? [0] : [0, own])
}

/**
 * A line of `journalctl -o json`; undefined for entries that are no event, and for those of others:
 * every local user may write any field but the trusted ones, which begin with `_`.
 * systemd.journal-fields(7)
 */
export function rowOfEntry(line: string, writers: ReadonlySet<number>): AuditRow | undefined {
  const decoded = entry.safeParse(parse(line))
  if (!decoded.success || !writers.has(Number(decoded.data._UID))) return undefined
  const { data } = decoded
  if (data.IAMLOGIN_EVENT !== undefined) return rowOfLine(data.IAMLOGIN_EVENT)
  const user = data.IAMLOGIN_USER ?? ''
  const iamUser = data.IAMLOGIN_IAM_USER ?? data.IAMLOGIN_ARN?.split('/').at(-1) ?? ''
  return {
    at: Number(data.__REALTIME_TIMESTAMP) / 1_000,
    action: data.IAMLOGIN_ACTION,
    user,
    iamUser,
    from: data.IAMLOGIN_RHOST ?? '',
    key: data.IAMLOGIN_KEY_ID ?? data.IAMLOGIN_KEY_FINGERPRINT ?? '',
    reason: data.IAMLOGIN_REASON ?? data.IAMLOGIN_RULE ?? '',
    names: [user, data.IAMLOGIN_RUSER ?? '', iamUser].filter((name) => name !== ''),
    unreported: true,
    document: data,
  }
}

/** Whether `user`, a Linux or an IAM name, is in it; without a name, every row matches. */
export function concerns(row: AuditRow, user: string | undefined): boolean {
  return user === undefined || row.names.includes(user)
}

/** sshd runs the key command twice for one login. */
const repeatMs = 5_000

/**
 * Whether the row tells once more what one of `shown` told: a key command that no resolver answers
 * knows nothing of the one before. Of sessions and logins each is one of its own.
 */
export function isRepetition(row: AuditRow, shown: readonly AuditRow[]): boolean {
  return (
    row.unreported &&
    (row.action === 'key-offered' || row.action === 'key-refused') &&
    shown.some(
      (each) =>
        each.unreported &&
        each.action === row.action &&
        each.user === row.user &&
        each.key === row.key &&
        Math.abs(row.at - each.at) <= repeatMs,
    )
  )
}

/** Rows that a later row may still duplicate (within repeatMs). */
export function repeatable(shown: readonly AuditRow[], row: AuditRow): readonly AuditRow[] {
  // After a login the same user's next key request is a new one.
  const entered = row.action === 'login-allowed' || row.action === 'session-open'
  return [
    ...shown.filter((each) => row.at - each.at <= repeatMs && !(entered && each.user === row.user)),
    row,
  ]
}

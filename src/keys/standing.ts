// Why a person may not enter, or loses what is open: no MFA device though access.require_mfa wants one, or no
// valid key. One place for the door, for sessions, for explain, and for keys.db, which PAM goes by offline.
import type { KeysConfig } from '../config/config.ts'
import type { SourceCredentials, SourceUser } from '../directory/types.ts'
import { toAuthorizedKey } from './authorized-key.ts'
import { unknownBy } from './credentials.ts'
import type { PersonKeys } from './person-keys.ts'

export type Flaw = 'access.require_mfa' | 'no valid key'

type Credentials = { readonly mfa?: boolean | undefined }

/** Whether what is known of the MFA device keeps the person out: unknown counts as none. */
export function lacksMfa({ mfa }: Credentials, requireMfa: boolean): boolean {
  return requireMfa && mfa !== true
}

/** Why a person may not enter although the name is theirs; undefined when they may. */
export function flawOf(
  answer: Extract<PersonKeys, { status: 'success' }>,
  requireMfa: boolean,
): Flaw | undefined {
  if (lacksMfa(answer, requireMfa)) return 'access.require_mfa'
  return answer.keys.length === 0 ? 'no valid key' : undefined
}

/**
 * The flaw that was read last, however long ago; undefined where there is none, and where the part that would
 * tell was never read.
 */
export function knownFlawOf(
  owner: SourceUser,
  credentials: SourceCredentials,
  rules: { readonly keys: KeysConfig; readonly requireMfa: boolean; readonly now: number },
): Flaw | undefined {
  const unread = credentials.unread ?? []
  const isMfaUnknown = unread.some(
    ({ part, lastReadAt }) => part === 'mfa' && lastReadAt === undefined,
  )
  if (lacksMfa(credentials, rules.requireMfa) && !isMfaUnknown) return 'access.require_mfa'
  if (unknownBy({ ...credentials, unread: unread.filter(({ part }) => part !== 'mfa') }))
    return undefined
  const isValid = credentials.keys.some((key) => toAuthorizedKey(key, owner, rules).ok)
  return isValid ? undefined : 'no valid key'
}

/** Whether a person keeps what is open. */
export type Standing =
  { readonly state: 'good' } | { readonly state: 'lost'; readonly reason: string }

/** Only a fresh answer of the source takes access away, or gives it back; undefined in an outage. */
export function standingOf(answer: PersonKeys, requireMfa: boolean): Standing | undefined {
  if (answer.status !== 'success' || answer.stale) return undefined
  if (answer.keys.length === 0) return { state: 'lost', reason: 'no active, valid key is left' }
  // Where it cannot be read, nothing was lost.
  if (requireMfa && answer.mfa === false) return { state: 'lost', reason: 'no MFA device is left' }
  return { state: 'good' }
}

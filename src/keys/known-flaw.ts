// Why a person may not enter by what was read of them last: one rule for the resolver's door while the
// source is away, and for keys.db, which PAM goes by while the resolver is.
import type { KeysConfig } from '../config/config.ts'
import type { SourceCredentials, SourceUser } from '../directory/types.ts'
import { toAuthorizedKey } from './authorized-key.ts'
import { unknownBy } from './credentials.ts'

export type KnownFlaw = 'access.require_mfa' | 'no valid key'

/**
 * The flaw that was read, however long ago; undefined where there is none, and where the part that would
 * tell was never read.
 */
export function knownFlawOf(
  owner: SourceUser,
  credentials: SourceCredentials,
  rules: { readonly keys: KeysConfig; readonly requireMfa: boolean; readonly now: number },
): KnownFlaw | undefined {
  const unread = credentials.unread ?? []
  const isMfaUnknown = unread.some(
    ({ part, lastReadAt }) => part === 'mfa' && lastReadAt === undefined,
  )
  if (rules.requireMfa && credentials.mfa !== true && !isMfaUnknown) return 'access.require_mfa'
  if (unknownBy({ ...credentials, unread: unread.filter(({ part }) => part !== 'mfa') }))
    return undefined
  const isValid = credentials.keys.some((key) => toAuthorizedKey(key, owner, rules).ok)
  return isValid ? undefined : 'no valid key'
}

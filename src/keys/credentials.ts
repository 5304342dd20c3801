// The credentials of one person, compared with those of an earlier read. Pure.
import { isDeepStrictEqual } from 'node:util'
import type {
  CredentialPart,
  SourceCredentials,
  SourceKey,
  UnreadPart,
} from '../directory/types.ts'

function isSameKey(a: SourceKey, b: SourceKey): boolean {
  return a.origin === b.origin && a.id === b.id && a.body === b.body
}

/** Whether `now` gives or takes anything: a key, its state, the MFA device. */
export function isChanged(before: SourceCredentials | undefined, now: SourceCredentials): boolean {
  const facts = ({ keys, mfa }: SourceCredentials) => ({ keys, mfa })
  return before === undefined || !isDeepStrictEqual(facts(before), facts(now))
}

/** What opens both by what was known `before` and by `now`: nothing new, and nothing that is gone. */
export function commonTo(before: SourceCredentials, now: SourceCredentials): SourceCredentials {
  const keys = before.keys.flatMap((key): readonly SourceKey[] => {
    const again = now.keys.find((each) => isSameKey(each, key))
    if (again === undefined) return []
    return again.inactive === true ? [{ ...key, inactive: true }] : [key]
  })
  return { ...before, keys, ...(now.mfa === false ? { mfa: false } : {}) }
}

/** How many bodies had to be read for `now`: IAM never changes one, so each is read once. */
export function countNewBodies(
  before: SourceCredentials | undefined,
  now: SourceCredentials,
): number {
  return now.keys.filter(
    ({ id, origin }) => origin === 'iam' && before?.keys.some((key) => key.id === id) !== true,
  ).length
}

/** The key of this base64 blob, valid or not. */
export function keyOfBlob({ keys }: SourceCredentials, blob: string): SourceKey | undefined {
  return keys.find(({ body }) => body.trim().split(/ +/)[1] === blob)
}

function keysOf({ keys }: SourceCredentials, part: CredentialPart): readonly SourceKey[] {
  if (part === 'mfa') return []
  return keys.filter(({ origin }) => (origin === 'tag') === (part === 'tags'))
}

/**
 * What was read now, with the last known of each part that could not be.
 * @param lastReadAt when a part was read last, milliseconds since the epoch; undefined when what is
 * known of it may not serve
 */
export function completeCredentials(
  before: SourceCredentials | undefined,
  now: SourceCredentials,
  lastReadAt: (part: CredentialPart) => number | undefined,
): SourceCredentials {
  if (now.unread === undefined) return now
  const unread = now.unread.map((each): UnreadPart => {
    const readAt = before === undefined ? undefined : lastReadAt(each.part)
    return readAt === undefined ? each : { ...each, lastReadAt: readAt }
  })
  const parts = new Map(unread.map((each) => [each.part, each]))
  const from = (part: CredentialPart): SourceCredentials | undefined => {
    const missing = parts.get(part)
    if (missing === undefined) return now
    return missing.lastReadAt === undefined ? undefined : before
  }
  const uploads = from('uploads')
  const tags = from('tags')
  const mfa = from('mfa')?.mfa
  return {
    keys: [
      ...(uploads === undefined ? [] : keysOf(uploads, 'uploads')),
      ...(tags === undefined ? [] : keysOf(tags, 'tags')),
    ],
    ...(mfa === undefined ? {} : { mfa }),
    unread,
  }
}

/** `credentials` without the keys of a part, and MFA, of which too long nothing was heard. */
export function withoutParts(
  credentials: SourceCredentials,
  isTooOld: (part: UnreadPart) => boolean,
): SourceCredentials {
  const { unread, keys } = credentials
  const old = unread?.filter(isTooOld) ?? []
  if (unread === undefined || old.length === 0) return credentials
  const isOld = (part: CredentialPart): boolean => old.some((each) => each.part === part)
  const { mfa } = credentials
  return {
    keys: keys.filter(({ origin }) => !isOld(origin === 'tag' ? 'tags' : 'uploads')),
    ...(mfa === undefined || isOld('mfa') ? {} : { mfa }),
    unread: unread.map((each) => {
      const { part, code, message, hint } = each
      return isOld(part) ? { part, code, message, hint } : each
    }),
  }
}

/** Why nothing can be said: no active key is known, or no MFA device, and a part of it was never read. */
export function unknownBy({ keys, mfa, unread = [] }: SourceCredentials): UnreadPart | undefined {
  const hasActive = keys.some(({ inactive }) => inactive !== true)
  return unread.find(
    ({ part, lastReadAt }) =>
      lastReadAt === undefined && (part === 'mfa' ? mfa === undefined : !hasActive),
  )
}

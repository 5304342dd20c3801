// Overrides are believed one by one: where a read of one person's failed, the last known ones of the
// same UserId stay. Without any known ones a person gets no account: the default uid could be another
// than the one that their files have on other hosts.
import type { SourceDirectory, SourceUser } from './types.ts'

type Known = ReadonlyMap<string, SourceUser>

/** The people of an earlier read, but for those who had no account because of unread tags. */
function knownIn(before: SourceDirectory | undefined): Known {
  const unknown = new Set(before?.unreadOverrides?.unknownIds)
  const known = (before?.users ?? []).filter(({ id }) => !unknown.has(id))
  return new Map(known.map((user) => [user.id, user]))
}

/** The user by the name of now, with the overrides of before. */
function withOverridesOf(user: SourceUser, { overrides }: SourceUser): SourceUser {
  return overrides === undefined ? user : { ...user, overrides }
}

/**
 * Adds the last known overrides of the people in `unreadOverrides`.
 * @param fetched with the last known members of groups that could not be read (merge.ts)
 * @param before what was read last
 */
export function keepOverrides(
  fetched: SourceDirectory,
  before: SourceDirectory | undefined,
): SourceDirectory {
  const { unreadOverrides, ...rest } = fetched
  if (unreadOverrides === undefined && before?.unreadOverrides === undefined) return fetched
  const unread = new Set(unreadOverrides?.unknownIds)
  const kept = new Set(fetched.keptUserIds)
  const known = knownIn(before)
  const keptIds: string[] = []
  const unknownIds: string[] = []
  const users: SourceUser[] = []
  for (const user of fetched.users) {
    const earlier = known.get(user.id)
    const isOfThisRead = !unread.has(user.id) && !kept.has(user.id)
    if (isOfThisRead || earlier === undefined) users.push(user)
    else users.push(withOverridesOf(user, earlier))
    if (!isOfThisRead && earlier === undefined) unknownIds.push(user.id)
    else if (unread.has(user.id)) keptIds.push(user.id)
  }
  if (keptIds.length + unknownIds.length === 0) return { ...rest, users }
  const { reason } = unreadOverrides ?? before?.unreadOverrides ?? {}
  return {
    ...rest,
    users,
    unreadOverrides: { keptIds, unknownIds, ...(reason === undefined ? {} : { reason }) },
  }
}

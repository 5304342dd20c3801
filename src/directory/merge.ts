// Groups are believed one by one: what a read could not say of a group, the last good read says.
import type { SourceDirectory, SourceUser, UnreadGroup } from './types.ts'

/** Tells whether a person of an earlier read may still exist by what this read told. */
function survivors(fetched: SourceDirectory): (user: SourceUser) => boolean {
  const ids = new Set<string>()
  const idByName = new Map<string, string>()
  for (const { id, name } of fetched.users) {
    ids.add(id)
    // Names of IAM are not distinguished by case.
    idByName.set(name.toLowerCase(), id)
  }
  return ({ id, name }) =>
    ids.has(id) ||
    // Whom the list of every user lacks is gone; whose name is another's now, too, or renamed.
    (!fetched.complete && !idByName.has(name.toLowerCase()))
}

/**
 * Completes what was read with the last known members of the groups that could not be read. A group
 * that the source says it does not have (`isAbsent`) has no members: that is an answer.
 * @param before what was read last
 * @param lastReadAt of groups whose last known members may still serve: when they were read,
 * milliseconds since the epoch
 */
export function mergeUnread(
  fetched: SourceDirectory,
  before: SourceDirectory | undefined,
  lastReadAt: ReadonlyMap<string, number>,
): SourceDirectory {
  if (fetched.unread === undefined) return fetched
  const mayExist = survivors(fetched)
  const known = new Map<string, SourceUser>()
  for (const user of before?.users ?? []) {
    if (mayExist(user)) known.set(user.id, user)
  }
  const groups = [...fetched.groups]
  const wanted = new Set<string>()
  const unread: UnreadGroup[] = []
  let { complete } = fetched
  for (const each of fetched.unread) {
    const readAt = each.isAbsent ? undefined : lastReadAt.get(each.name)
    unread.push(readAt === undefined ? each : { ...each, lastReadAt: readAt })
    if (readAt === undefined) continue
    if (each.name === '*' && before?.complete === true) {
      complete = true
      for (const id of known.keys()) wanted.add(id)
    }
    const group = before?.groups.find(({ name }) => name === each.name)
    if (group === undefined) continue
    const memberIds: string[] = []
    for (const id of group.memberIds) {
      if (known.has(id)) memberIds.push(id)
    }
    for (const id of memberIds) wanted.add(id)
    groups.push({ ...group, memberIds })
  }
  for (const { id } of fetched.users) wanted.delete(id)
  const kept = [...wanted].flatMap((id) => known.get(id) ?? [])
  return {
    users: [...fetched.users, ...kept],
    groups,
    complete,
    unread,
    keptUserIds: kept.map(({ id }) => id),
    ...(fetched.pages === undefined ? {} : { pages: fetched.pages }),
  }
}

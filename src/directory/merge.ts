// Groups are believed one by one: what a read could not say of a group, the last good read says.
import type { SourceDirectory, SourceGroup, SourceUser, UnreadGroup } from './types.ts'

/** Tells whether a person of an earlier read may still exist, by this read. */
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
    // A person missing in the list of every user is gone; one whose name another has is gone or renamed.
    (!fetched.complete && !idByName.has(name.toLowerCase()))
}

/** What is completed. */
type Merging = {
  readonly before: SourceDirectory | undefined
  /** People of the last read who may still exist. */
  readonly known: ReadonlyMap<string, SourceUser>
  readonly groups: SourceGroup[]
  /** Ids of people of whom only the last read tells. */
  readonly wanted: Set<string>
  complete: boolean
}

/** Takes the last known members of one group, or of "*". */
function keepGroup(merging: Merging, name: string): void {
  const { before, known, groups, wanted } = merging
  if (name === '*' && before?.complete === true) {
    merging.complete = true
    for (const id of known.keys()) wanted.add(id)
  }
  const group = before?.groups.find((each) => each.name === name)
  if (group === undefined) return
  const memberIds = group.memberIds.filter((id) => known.has(id))
  for (const id of memberIds) wanted.add(id)
  groups.push({ ...group, memberIds })
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
  const survivorsOfLast = before?.users.filter(mayExist) ?? []
  const known = new Map(survivorsOfLast.map((user) => [user.id, user]))
  const { complete } = fetched
  const groups = [...fetched.groups]
  const merging: Merging = { before, known, groups, wanted: new Set(), complete }
  const unread = fetched.unread.map((each): UnreadGroup => {
    const readAt = each.isAbsent ? undefined : lastReadAt.get(each.name)
    if (readAt === undefined) return each
    keepGroup(merging, each.name)
    return { ...each, lastReadAt: readAt }
  })
  for (const { id } of fetched.users) merging.wanted.delete(id)
  const kept = [...merging.wanted].flatMap((id) => known.get(id) ?? [])
  return {
    users: [...fetched.users, ...kept],
    ...{ groups, unread, complete: merging.complete },
    keptUserIds: kept.map(({ id }) => id),
    ...(fetched.pages === undefined ? {} : { pages: fetched.pages }),
  }
}

// Indexes over a directory: every question of nsswitch in constant time.
import { finish, pace, type Steps } from './steps.ts'
import type { Account, Directory, Group } from './types.ts'

export type DirectoryIndex = {
  readonly accountByName: (name: string) => Account | undefined
  readonly accountByUid: (uid: number) => Account | undefined
  /** By the immutable id of the source. */
  readonly accountById: (id: string) => Account | undefined
  readonly groupByName: (name: string) => Group | undefined
  readonly groupByGid: (gid: number) => Group | undefined
  /** Every gid of the user, the primary one first; undefined for nobody of ours. */
  readonly initgroups: (name: string) => readonly number[] | undefined
}

/** The indexes of a directory, in steps; once per directory. */
export function* indexSteps(directory: Directory): Steps<DirectoryIndex> {
  const names = new Map<string, Account>()
  const uids = new Map<number, Account>()
  const ids = new Map<string, Account>()
  const memberships = new Map<string, number[]>()
  const due = pace()
  for (const account of directory.accounts) {
    const { user, passwd } = account
    names.set(passwd.name, account)
    uids.set(passwd.uid, account)
    ids.set(user.id, account)
    memberships.set(passwd.name, [passwd.gid])
    if (due()) yield
  }
  const groupNames = new Map<string, Group>()
  const gids = new Map<number, Group>()
  for (const group of directory.groups) {
    groupNames.set(group.name, group)
    gids.set(group.gid, group)
    if (due()) yield
    for (const member of group.members) {
      memberships.get(member)?.push(group.gid)
      if (due()) yield
    }
  }
  return {
    accountByName: (name) => names.get(name),
    accountByUid: (uid) => uids.get(uid),
    accountById: (id) => ids.get(id),
    groupByName: (name) => groupNames.get(name),
    groupByGid: (gid) => gids.get(gid),
    initgroups: (name) => memberships.get(name),
  }
}

/** As indexSteps, at once. */
export function indexDirectory(directory: Directory): DirectoryIndex {
  return finish(indexSteps(directory))
}

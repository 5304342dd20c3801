// Indexes over a directory: every question of nsswitch in constant time.
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

/** Builds the indexes once per directory. */
export function indexDirectory(directory: Directory): DirectoryIndex {
  const names = new Map(directory.accounts.map((account) => [account.passwd.name, account]))
  const uids = new Map(directory.accounts.map((account) => [account.passwd.uid, account]))
  const ids = new Map(directory.accounts.map((account) => [account.user.id, account]))
  const groupNames = new Map(directory.groups.map((group) => [group.name, group]))
  const gids = new Map(directory.groups.map((group) => [group.gid, group]))
  const memberships = new Map(
    directory.accounts.map(({ passwd }) => [passwd.name, [passwd.gid]] as [string, number[]]),
  )
  for (const group of directory.groups)
    for (const member of group.members) memberships.get(member)?.push(group.gid)
  return {
    accountByName: (name) => names.get(name),
    accountByUid: (uid) => uids.get(uid),
    accountById: (id) => ids.get(id),
    groupByName: (name) => groupNames.get(name),
    groupByGid: (gid) => gids.get(gid),
    initgroups: (name) => memberships.get(name),
  }
}

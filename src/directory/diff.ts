// What changed: between two directories, and whether two reads of a source say the same.
import type {
  Account,
  SourceDirectory,
  SourceGroup,
  SourceUser,
  UnreadGroup,
  UnreadOverrides,
} from './types.ts'

export type DirectoryDiff = {
  readonly added: readonly Account[]
  readonly removed: readonly Account[]
  /** The same person and uid by another Linux name; `name` is the one before. */
  readonly renamed: readonly { readonly account: Account; readonly name: string }[]
}

function byId(accounts: readonly Account[]): ReadonlyMap<string, Account> {
  return new Map(accounts.map((account) => [account.user.id, account]))
}

/** Accounts that came, went and were renamed, compared by immutable id; a changed uid came and went. */
export function diffAccounts(before: readonly Account[], after: readonly Account[]): DirectoryDiff {
  const known = byId(before)
  const present = byId(after)
  const isIn = (accounts: typeof known, { user, passwd }: Account): boolean =>
    accounts.get(user.id)?.passwd.uid === passwd.uid
  return {
    added: after.filter((account) => !isIn(known, account)),
    removed: before.filter((account) => !isIn(present, account)),
    renamed: after.flatMap((account) => {
      const name = isIn(known, account) ? known.get(account.user.id)?.passwd.name : undefined
      return name === undefined || name === account.passwd.name ? [] : [{ account, name }]
    }),
  }
}

function sameUser(a: SourceUser, b: SourceUser): boolean {
  const [x, y] = [a.overrides, b.overrides]
  return (
    a.id === b.id &&
    a.name === b.name &&
    a.arn === b.arn &&
    a.createdAt === b.createdAt &&
    x?.uid === y?.uid &&
    x?.gecos === y?.gecos &&
    x?.dir === y?.dir &&
    x?.shell === y?.shell
  )
}

function sameGroup(a: SourceGroup, b: SourceGroup): boolean {
  return (
    a.id === b.id &&
    a.name === b.name &&
    a.arn === b.arn &&
    a.createdAt === b.createdAt &&
    a.memberIds.length === b.memberIds.length
  )
}

function sameRecords<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return (
    a.length === b.length &&
    a.every((record, at) => {
      const other = b[at]
      return other !== undefined && same(record, other)
    })
  )
}

function sameUnread(a: UnreadGroup, b: UnreadGroup): boolean {
  return (
    a.name === b.name &&
    a.code === b.code &&
    a.isAbsent === b.isAbsent &&
    a.lastReadAt === b.lastReadAt
  )
}

const isSameId = (x: string, y: string): boolean => x === y
const allRead: UnreadOverrides = { keptIds: [], unknownIds: [] }

function sameOverrides(a = allRead, b = allRead): boolean {
  if (a.reason?.code !== b.reason?.code) return false
  if (!sameRecords(a.keptIds, b.keptIds, isSameId)) return false
  return sameRecords(a.unknownIds, b.unknownIds, isSameId)
}

/** Whether two reads gave the same records in the same order. */
export function isSameSource(a: SourceDirectory, b: SourceDirectory): boolean {
  if (a.complete !== b.complete) return false
  if (!sameRecords(a.users, b.users, sameUser)) return false
  if (!sameRecords(a.groups, b.groups, sameGroup)) return false
  if (!sameRecords(a.unread ?? [], b.unread ?? [], sameUnread)) return false
  if (!sameOverrides(a.unreadOverrides, b.unreadOverrides)) return false
  if (!sameRecords(a.keptUserIds ?? [], b.keptUserIds ?? [], isSameId)) return false
  for (const [at, { memberIds }] of a.groups.entries())
    if (!sameRecords(memberIds, b.groups[at]?.memberIds ?? [], isSameId)) return false
  return true
}

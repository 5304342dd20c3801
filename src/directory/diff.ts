// What changed: between two directories, and whether two reads of a source say the same.
import { pace, type Steps } from './steps.ts'
import type {
  Account,
  Directory,
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

function* byId(accounts: readonly Account[]): Steps<ReadonlyMap<string, Account>> {
  const known = new Map<string, Account>()
  const due = pace()
  for (const account of accounts) {
    known.set(account.user.id, account)
    if (due()) yield
  }
  return known
}

/** Accounts that came, went and were renamed, compared by immutable id; a changed uid came and went. */
export function* diffSteps(before: Directory, after: Directory): Steps<DirectoryDiff> {
  const known = yield* byId(before.accounts)
  const added: Account[] = []
  const removed: Account[] = []
  const renamed: { account: Account; name: string }[] = []
  const due = pace()
  for (const account of after.accounts) {
    const old = known.get(account.user.id)
    if (old?.passwd.uid !== account.passwd.uid) added.push(account)
    else if (old.passwd.name !== account.passwd.name)
      renamed.push({ account, name: old.passwd.name })
    if (due()) yield
  }
  const present = yield* byId(after.accounts)
  for (const account of before.accounts) {
    if (present.get(account.user.id)?.passwd.uid !== account.passwd.uid) removed.push(account)
    if (due()) yield
  }
  return { added, removed, renamed }
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

function* sameRecords<T>(
  a: readonly T[],
  b: readonly T[],
  same: (a: T, b: T) => boolean,
): Steps<boolean> {
  const due = pace()
  if (a.length !== b.length) return false
  for (const [at, record] of a.entries()) {
    const other = b[at]
    if (other === undefined || !same(record, other)) return false
    if (due()) yield
  }
  return true
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

function* sameOverrides(a = allRead, b = allRead): Steps<boolean> {
  if (a.reason?.code !== b.reason?.code) return false
  if (!(yield* sameRecords(a.keptIds, b.keptIds, isSameId))) return false
  return yield* sameRecords(a.unknownIds, b.unknownIds, isSameId)
}

/** Whether two reads gave the same records in the same order. */
export function* sameSourceSteps(a: SourceDirectory, b: SourceDirectory): Steps<boolean> {
  if (a.complete !== b.complete) return false
  if (!(yield* sameRecords(a.users, b.users, sameUser))) return false
  if (!(yield* sameRecords(a.groups, b.groups, sameGroup))) return false
  if (!(yield* sameRecords(a.unread ?? [], b.unread ?? [], sameUnread))) return false
  if (!(yield* sameOverrides(a.unreadOverrides, b.unreadOverrides))) return false
  if (!(yield* sameRecords(a.keptUserIds ?? [], b.keptUserIds ?? [], isSameId))) return false
  for (const [at, { memberIds }] of a.groups.entries())
    if (!(yield* sameRecords(memberIds, b.groups[at]?.memberIds ?? [], isSameId))) return false
  return true
}

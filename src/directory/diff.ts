// What changed between two directories: people are compared by their immutable id.
import type { Account, Directory } from './types.ts'

export type DirectoryDiff = {
  readonly added: readonly Account[]
  readonly removed: readonly Account[]
}

/** Accounts that came and went; an id that changed its name or uid did both. */
export function diffDirectories(before: Directory, after: Directory): DirectoryDiff {
  const key = ({ user, passwd }: Account): string => `${user.id} ${passwd.name} ${passwd.uid}`
  const old = new Set(before.accounts.map(key))
  const now = new Set(after.accounts.map(key))
  return {
    added: after.accounts.filter((account) => !old.has(key(account))),
    removed: before.accounts.filter((account) => !now.has(key(account))),
  }
}

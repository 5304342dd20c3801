// The people who may log in: group membership in the source, read by the rules.
import type { Directory, DirectoryRules, SourceDirectory, SourceUser } from './types.ts'

/** The groups that a read must ask for: each once; "*" stands for every user. */
export function queriedGroups(
  rules: Pick<DirectoryRules, 'groups' | 'sudoGroups' | 'sharedAccounts'>,
): readonly string[] {
  const shared = Object.values(rules.sharedAccounts).flat()
  const named = [...rules.groups, ...rules.sudoGroups.filter((name) => name !== '*'), ...shared]
  return [...new Set(named)]
}

/** Ids of the members of the named groups; "*" is every user of the source. */
export function membersOf(
  source: SourceDirectory,
  groupNames: readonly string[],
): ReadonlySet<string> {
  const wanted = new Set(groupNames)
  const groups = source.groups.filter(({ name }) => wanted.has(name))
  const everybody = wanted.has('*') ? source.users.map(({ id }) => id) : []
  return new Set([...everybody, ...groups.flatMap(({ memberIds }) => memberIds)])
}

/** The people who may log in to each shared local account. */
export function sharedPeople(
  source: SourceDirectory,
  rules: DirectoryRules,
): Readonly<Record<string, readonly SourceUser[]>> {
  return Object.fromEntries(
    Object.entries(rules.sharedAccounts)
      // root is never opened by a person's key, even if the configuration says so.
      .filter(([account]) => account !== 'root')
      .map(([account, groups]) => {
        const ids = membersOf(source, groups)
        return [account, source.users.filter((user) => ids.has(user.id))]
      }),
  )
}

/** The people who may log in to a local account; undefined where it is not shared. */
export function sharersOf(
  { shared }: Pick<Directory, 'shared'>,
  account: string,
): readonly SourceUser[] | undefined {
  // A Linux user may be named "constructor".
  return Object.hasOwn(shared, account) ? shared[account] : undefined
}

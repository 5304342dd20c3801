// sysusers.d(5) as text -> names that a package has made, or will make, users or groups of the system.

export type SysusersFile = {
  /** Whole path. */
  readonly path: string
  readonly text: string
}

/** systemd-sysusers(8) folders, the first one wins: a file hides all of its name in later folders. */
export const sysusersFolders: readonly string[] = [
  '/etc/sysusers.d',
  '/run/sysusers.d',
  '/usr/local/lib/sysusers.d',
  '/usr/lib/sysusers.d',
]

function unquote(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, '$2')
}

/** Names of one line: of `u` and `g` the first, of `m` the user and the group that both come to be. */
function namesOf(line: string): readonly string[] {
  const match = /^\s*([ugm])[!]?\s+(\S+)(?:\s+(\S+))?/.exec(line)
  if (match === null) return []
  const [, type, first = '', second = ''] = match
  const names = type === 'm' ? [first, second] : [first]
  // A specifier such as %b is another on each host and names no service.
  return names.map(unquote).filter((name) => name !== '' && !name.includes('%'))
}

/**
 * The names, in lower case as clashes of names are looked for, each with the path that says so first.
 * @param files those that are not hidden by another, in any order
 */
export function parseSysusers(files: readonly SysusersFile[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { path, text } of files)
    for (const name of text.split('\n').flatMap(namesOf)) {
      const lower = name.toLowerCase()
      if (!names.has(lower)) names.set(lower, path)
    }
  return names
}

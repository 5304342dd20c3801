// Which of the two sudoers files fits the sudo of this host, and whether the one in place does. Pure.

/** sudo-rs (Ubuntu 25.10 and later, a package on Debian 13) reads the same files and knows less of them. */
export type SudoKind = 'sudo' | 'sudo-rs'

export type SudoFacts = {
  /** Every sudo that is installed: all of them read /etc/sudoers. */
  readonly kinds: ReadonlySet<SudoKind>
  /** /etc/sudoers.d/iamlogin; undefined where there is none, or where this process may not read it. */
  readonly sudoers: string | undefined
  /** /etc/sudo.conf, which sudo reads and sudo-rs does not; '' where there is none. */
  readonly sudoConf: string
}

/** The kind of a sudo by its path with all links resolved: sudo-rs is a name or lies in cargo's folder. */
export function sudoKindOf(realPath: string): SudoKind {
  return /\/(sudo-rs|cargo\/bin\/sudo)$/.test(realPath) ? 'sudo-rs' : 'sudo'
}

/** The file of packaging/sudoers for this host: where sudo-rs is, one that it can read. */
export function sudoersFor(kinds: ReadonlySet<SudoKind>): 'iamlogin' | 'iamlogin-sudo-rs' {
  return kinds.has('sudo-rs') ? 'iamlogin-sudo-rs' : 'iamlogin'
}

/** What is wrong with the file in place, with the fix; undefined when nothing is, or nobody can say. */
export function judgeSudoers({ kinds, sudoers, sudoConf }: SudoFacts): string | undefined {
  if (sudoers === undefined) return undefined
  const lines = sudoers.split('\n').filter((line) => !/^\s*#/.test(line))
  const asksPlugin = lines.some((line) => /^\s*Defaults.*\bgroup_plugin\b/.test(line))
  const byPlugin = lines.some((line) => /^\s*%:/.test(line))
  const place = '/etc/sudoers.d/iamlogin'
  if (kinds.has('sudo-rs') && (asksPlugin || byPlugin))
    return asksPlugin
      ? `${place}: sudo-rs is installed here and refuses "Defaults group_plugin", some versions for everybody's sudo: replace the file by packaging/sudoers/iamlogin-sudo-rs`
      : `${place}: sudo-rs is installed here and ignores "%:": members cannot use sudo: replace the file by packaging/sudoers/iamlogin-sudo-rs`
  const byName = lines.some((line) => /^\s*%iamlogin-sudo\s/.test(line))
  if (kinds.has('sudo') && byName && !/^\s*Set\s+group_source\s+dynamic\s*$/m.test(sudoConf))
    return `${place}: sudo goes by the groups that the session was opened with, so that a member who is removed keeps the right until they log out: add "Set group_source dynamic" to /etc/sudo.conf`
  return undefined
}

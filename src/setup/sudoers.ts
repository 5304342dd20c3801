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

/**
 * What `Set group_source` of sudo.conf(5) says, in lower case; the last line counts.
 * undefined where it is not set: then sudo goes by the groups that the session was opened with.
 */
function groupSourceOf(sudoConf: string): string | undefined {
  const lines = sudoConf.replace(/#.*/g, '').replace(/\\\n/g, '').split('\n')
  const values = lines.map((line) => /^\s*set\s+group_source\s+(.*?)\s*$/i.exec(line)?.[1])
  return values.findLast((value) => value !== undefined)?.toLowerCase()
}

export type SudoConfEdit = {
  /** The whole file; byte for byte the one given where nothing is to be done. */
  readonly text: string
  /** The value that the administrator set, which stays, and is not ours; undefined where none is. */
  readonly kept: string | undefined
}

/**
 * sudo.conf(5) with which sudo looks groups up at each call, where a sudo reads the sudoers file that names
 * the group with "%"; "%:", by the plugin, does so by itself. A setting that is there is never changed.
 */
export function editSudoConf(kinds: ReadonlySet<SudoKind>, sudoConf: string): SudoConfEdit {
  const isNeeded = kinds.has('sudo') && sudoersFor(kinds) === 'iamlogin-sudo-rs'
  const source = groupSourceOf(sudoConf)
  if (!isNeeded || source !== undefined)
    return { text: sudoConf, kept: isNeeded && source !== 'dynamic' ? source : undefined }
  // The empty line ends a last line that a backslash continues.
  const gap = sudoConf === '' ? '' : sudoConf.endsWith('\n') ? '\n' : '\n\n'
  return {
    text: `${sudoConf}${gap}# Of iamlogin: ask for a user's groups at each call; the session's are those of its beginning.\nSet group_source dynamic\n`,
    kept: undefined,
  }
}

/** What is wrong with the file in place, with the fix; undefined when nothing is, or that cannot be said. */
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
  if (kinds.has('sudo') && byName && groupSourceOf(sudoConf) !== 'dynamic')
    return `${place}: sudo goes by the groups that the session was opened with, so that a member who is removed keeps the right until they log out: add "Set group_source dynamic" to /etc/sudo.conf`
  return undefined
}

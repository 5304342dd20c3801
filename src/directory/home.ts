// Where a person's home is and which shell they get: root's folder and this host's shells bound what a
// source may say. pam_mkhomedir makes the home as root, and gives it to the person.
import type { DirectoryRules, HostAccounts, Overrides } from './types.ts'

/** The shell for people whose own cannot be given: every host has it. */
export const fallbackShell = '/bin/sh'

/** Shells that allow no login: a source may always take away. */
const closedShells: ReadonlySet<string> = new Set([
  '/sbin/nologin',
  '/usr/sbin/nologin',
  '/bin/false',
  '/usr/bin/false',
])

/** The folder right below which all homes are; `home` is FOLDER/NAME with %u in NAME. */
export function homeFolder(home: string): string {
  return home.slice(0, home.lastIndexOf('/'))
}

/** One component that needs no quoting anywhere and is neither hidden nor an option. */
function isPlainComponent(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/.test(name)
}

/**
 * Which parts right below the folder local users live in, and who: as native/common/local-build.c has it,
 * which refuses such homes.
 * @param homes home of /etc/passwd -> user
 */
export function localHomesIn(
  folder: string,
  homes: HostAccounts['homes'],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [path, user] of homes) {
    if (!path.startsWith(`${folder}/`)) continue
    const [part = ''] = path.slice(folder.length).replace(/^\/+/, '').split('/')
    if (isPlainComponent(part) && !found.has(part)) found.set(part, user)
  }
  return found
}

/** Why a home in which a local user lives is not given, and what to do. */
export function livesThere(path: string, user: string, value: string): string {
  return `home "${path}" is the home of the local user ${user}, or holds it; the home is ${value} (fix: another home for ${user}: usermod -d)`
}

export type Chosen = {
  readonly value: string
  /** Why it is not what was asked for; undefined where it is. */
  readonly refused?: string
}

/**
 * @param isOthers whether the name is another account's, whose home this would be
 */
export function chooseHome(
  name: string,
  overrides: Overrides | undefined,
  context: {
    readonly rules: Pick<DirectoryRules, 'home'>
    readonly isOthers: (component: string) => boolean
    /** The local user who lives there. */
    readonly localAt?: (component: string) => string | undefined
  },
): Chosen {
  const { rules, isOthers, localAt } = context
  const value = rules.home.replaceAll('%u', name)
  const wanted = overrides?.dir
  if (wanted === undefined || wanted === value) return { value }
  const folder = homeFolder(rules.home)
  const component = wanted.startsWith(`${folder}/`) ? wanted.slice(folder.length + 1) : ''
  if (!isPlainComponent(component))
    return {
      value,
      refused: `home "${wanted}" is not directly below ${folder}, the folder of accounts.home, with a name of letters, digits and _.-; the home is ${value}`,
    }
  const user = localAt?.(component)
  if (user !== undefined) return { value, refused: livesThere(wanted, user, value) }
  if (isOthers(component))
    return { value, refused: `home "${wanted}" is named for another account; the home is ${value}` }
  return { value: wanted }
}

/** The shell of the source, else that of the configuration; /bin/sh where it cannot be given here. */
export function chooseShell(
  overrides: Overrides | undefined,
  rules: Pick<DirectoryRules, 'shell'>,
  shells: HostAccounts['shells'],
): Chosen {
  const wanted = overrides?.shell ?? rules.shell
  if (wanted === fallbackShell || shells.has(wanted) || closedShells.has(wanted))
    return { value: wanted }
  return {
    value: fallbackShell,
    refused: `shell "${wanted}" is not in /etc/shells or not installed here; the shell is ${fallbackShell}`,
  }
}

// What `config check` and the daemon compare the configuration with: accounts, shells and files here.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import type { LocalAccounts } from '../directory/types.ts'
import type { SudoFacts } from '../setup/sudoers.ts'
import { sudoFacts } from './sudo-facts.ts'

/** libc's own list where /etc/shells is missing; getusershell(3). */
const standardShells = ['/bin/sh', '/bin/csh']

function listedShells(): ReadonlySet<string> {
  try {
    const lines = readFileSync('/etc/shells', 'utf8').split('\n')
    return new Set(
      lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== ''),
    )
  } catch {
    return new Set(standardShells)
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function statOf(path: string): { mode: number; uid: number; gid: number } | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? undefined : { mode: stats.mode, uid: stats.uid, gid: stats.gid }
}

/** The facts of this host as they are now. */
export function hostFacts({ users, groups }: LocalAccounts): {
  readonly users: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly isShell: (path: string) => boolean
  readonly resolver: { readonly uid: number; readonly gid: number } | undefined
  readonly stat: (path: string) => { mode: number; uid: number; gid: number } | undefined
  readonly sudo: SudoFacts
} {
  const uid = users.get('iamlogin')
  const gid = groups.get('iamlogin')
  const shells = listedShells()
  return {
    users: new Set(users.keys()),
    groups: new Set(groups.keys()),
    isShell: (path) => shells.has(path) && isExecutable(path),
    resolver: uid === undefined || gid === undefined ? undefined : { uid, gid },
    stat: statOf,
    sudo: sudoFacts(),
  }
}

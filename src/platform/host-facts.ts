// What `config check` and the daemon compare the configuration with: accounts, shells and files here.
import { statSync } from 'node:fs'
import type { HostAccounts } from '../directory/types.ts'
import type { SudoFacts } from '../setup/sudoers.ts'
import { rootLists } from './grants.ts'
import { sssdFindings } from './sssd.ts'
import { sudoFacts } from './sudo-facts.ts'

function statOf(path: string): { mode: number; uid: number; gid: number } | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? undefined : { mode: stats.mode, uid: stats.uid, gid: stats.gid }
}

/** The facts of this host as they are now. */
export function hostFacts({ users, groups, shells }: HostAccounts): {
  readonly users: ReadonlySet<string>
  readonly groups: ReadonlySet<string>
  readonly isShell: (path: string) => boolean
  readonly resolver: { readonly uid: number; readonly gid: number } | undefined
  readonly stat: (path: string) => { mode: number; uid: number; gid: number } | undefined
  readonly sudo: SudoFacts
  readonly sssd: readonly string[]
  readonly rootLists: string
} {
  const uid = users.get('iamlogin')
  const gid = groups.get('iamlogin')
  return {
    users: new Set(users.keys()),
    groups: new Set(groups.keys()),
    isShell: (path) => shells.has(path),
    resolver: uid === undefined || gid === undefined ? undefined : { uid, gid },
    stat: statOf,
    sudo: sudoFacts(),
    sssd: sssdFindings(),
    rootLists,
  }
}

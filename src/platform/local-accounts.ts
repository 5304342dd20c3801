// The host's own accounts, shells and reserved names, read from the files: the resolver never asks libc,
// which would ask it.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseLocalAccounts } from '../directory/local.ts'
import { parseSysusers, sysusersFolders, type SysusersFile } from '../directory/sysusers.ts'
import type { HostAccounts } from '../directory/types.ts'
import { readShells } from './shells.ts'

/** Where what this host has is written; other places in tests. */
export type HostPlaces = {
  readonly passwd: string
  readonly group: string
  readonly shells: string
  /** The first folder wins: a file hides those of its name in later ones. */
  readonly sysusers: readonly string[]
}

export const hostPlaces: HostPlaces = {
  passwd: '/etc/passwd',
  group: '/etc/group',
  shells: '/etc/shells',
  sysusers: sysusersFolders,
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.conf'))
  } catch {
    return []
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** The files of sysusers.d(5) that count; one that is not there any more, or is unreadable, is empty. */
function sysusersFiles(folders: readonly string[]): readonly SysusersFile[] {
  const paths = new Map<string, string>()
  for (const folder of folders)
    for (const name of namesIn(folder)) if (!paths.has(name)) paths.set(name, join(folder, name))
  return [...paths.values()].map((path) => ({ path, text: textOf(path) }))
}

/** Tells one state of a file, or of a folder's list of names, from another. */
function markOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined
    ? 'none'
    : `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
}

/**
 * Reads anew when a file, or a folder's list of names, changed: packages put their files in place by
 * rename. Throws where /etc/passwd or /etc/group cannot be read.
 */
export function createLocalAccounts(places: HostPlaces = hostPlaces): () => HostAccounts {
  const { passwd, group, shells, sysusers } = places
  let mark = ''
  let accounts: HostAccounts | undefined
  return () => {
    const now = [passwd, group, shells, ...sysusers].map(markOf).join()
    if (accounts === undefined || now !== mark) {
      accounts = {
        ...parseLocalAccounts(readFileSync(passwd, 'latin1'), readFileSync(group, 'latin1')),
        sysusers: parseSysusers(sysusersFiles(sysusers)),
        shells: readShells(shells),
      }
      mark = now
    }
    return accounts
  }
}

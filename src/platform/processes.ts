// Who lives on this host, as /proc tells everybody: those whose processes iamlogin-terminate would
// end, by the rules of native/terminate/processes.h. proc(5)
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A zombie: nothing of it runs, and its parent may never look. */
function isOver(status: string): boolean {
  return /^State:\t[ZX]/m.test(status) && /^Threads:\t[01]$/m.test(status)
}

/** Real, effective and saved: a setuid program belongs to who started it, too. */
async function ownersOf(folder: string): Promise<readonly number[]> {
  const status = await readFile(join(folder, 'status'), 'latin1')
  if (isOver(status)) return []
  const match = /^Uid:\t(\d+)\t(\d+)\t(\d+)\t/m.exec(status)
  return match === null ? [] : match.slice(1).map(Number)
}

/** Who logged in for it, where it has a terminal: what a person became by sudo and su. */
async function loginOf(folder: string): Promise<readonly number[]> {
  const login = Number(await readFile(join(folder, 'loginuid'), 'latin1'))
  if (login === 2 ** 32 - 1) return []
  // "pid (name) state ppid pgrp session tty": the name may hold anything, parentheses too.
  const text = await readFile(join(folder, 'stat'), 'latin1')
  const terminal = text.slice(text.lastIndexOf(')') + 2).split(' ')[4]
  return terminal === undefined || terminal === '0' ? [] : [login]
}

/** The uids that own processes now, or logged in for them. */
export async function readLiveUids(proc = '/proc'): Promise<ReadonlySet<number>> {
  const entries = await readdir(proc)
  const uids = new Set<number>()
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    const folder = join(proc, entry)
    // hidepid=1 leaves only the owner to see, who is the effective one.
    const owners = ownersOf(folder).catch(async () => [(await stat(folder)).uid])
    for (const found of await Promise.allSettled([owners, loginOf(folder)]))
      // What fails ended while we looked, or is not of this kernel.
      if (found.status === 'fulfilled') for (const uid of found.value) uids.add(uid)
  }
  return uids
}

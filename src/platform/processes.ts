// The uids with processes on this host, as /proc shows them: the processes that iamlogin-terminate would
// end, by the rules of native/terminate/processes.h. proc(5)
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A zombie: nothing of it runs, and its parent may never look. */
function isOver(status: string): boolean {
  return /^State:\t[ZX]/m.test(status) && /^Threads:\t[01]$/m.test(status)
}

/** More than the longest status of a process; its lines that are read here come first. */
const bufferSize = 16_384

type ReadText = (path: string) => Promise<string>

/** Reads the beginning of files, one at a time, into one buffer: readFile takes 64 KiB for each in /proc. */
function createReadText(): ReadText {
  const buffer = Buffer.alloc(bufferSize)
  return async (path) => {
    const file = await open(path)
    try {
      const { bytesRead } = await file.read(buffer, 0, bufferSize, 0)
      return buffer.toString('latin1', 0, bytesRead)
    } finally {
      await file.close()
    }
  }
}

/** Real, effective and saved: a setuid program belongs to the user that started it, too. */
async function ownersOf(folder: string, read: ReadText): Promise<readonly number[]> {
  const status = await read(join(folder, 'status'))
  if (isOver(status)) return []
  const match = /^Uid:\t(\d+)\t(\d+)\t(\d+)\t/m.exec(status)
  return match === null ? [] : match.slice(1).map(Number)
}

/** The login uid of a process with a terminal: what a person started through sudo or su. */
async function loginOf(folder: string, read: ReadText): Promise<readonly number[]> {
  const login = Number(await read(join(folder, 'loginuid')))
  if (login === 2 ** 32 - 1) return []
  // "pid (name) state ppid pgrp session tty": the name may hold anything, parentheses too.
  const text = await read(join(folder, 'stat'))
  const terminal = text.slice(text.lastIndexOf(')') + 2).split(' ')[4]
  return terminal === undefined || terminal === '0' ? [] : [login]
}

/** Those of `uids`; none where the process ended while we looked, or the kernel has no such file. */
async function orNone(uids: Promise<readonly number[]>): Promise<readonly number[]> {
  try {
    return await uids
  } catch {
    return []
  }
}

/** The uids that own processes now, or logged in for them. */
export async function readLiveUids(proc = '/proc'): Promise<ReadonlySet<number>> {
  const read = createReadText()
  const uids = new Set<number>()
  for (const entry of await readdir(proc)) {
    if (!/^\d+$/.test(entry)) continue
    const folder = join(proc, entry)
    // With hidepid=1 only the folder's owner is visible: the effective uid.
    const owners = ownersOf(folder, read).catch(async () => [(await stat(folder)).uid])
    for (const uid of await orNone(owners)) uids.add(uid)
    for (const uid of await orNone(loginOf(folder, read))) uids.add(uid)
  }
  return uids
}

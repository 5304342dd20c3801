// Whether this process may read the entries of root and of system users. systemd-journald.service(8),
// "Access control": journalctl gives others only their own, and ends well.
import { accessSync, constants, readdirSync } from 'node:fs'
import { join } from 'node:path'

const journals = ['/var/log/journal', '/run/log/journal']

function filesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((machine) => join(folder, machine, 'system.journal'))
  } catch {
    return []
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** @param folders for tests: where journald has a folder for each machine */
export function canReadJournal(uid = process.getuid?.(), folders = journals): boolean {
  return uid === 0 || folders.flatMap(filesBelow).some(isReadable)
}

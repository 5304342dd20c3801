// Login shells of this host: shells(5), and there.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { parseShells } from '../directory/local.ts'

/** libc's own list where /etc/shells is missing; getusershell(3). */
const standardShells = ['/bin/sh', '/bin/csh']

function listedShells(file: string): readonly string[] {
  try {
    return parseShells(readFileSync(file, 'latin1'))
  } catch {
    return standardShells
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

/** Absolute paths that are listed and are executable files. */
export function readShells(file = '/etc/shells'): ReadonlySet<string> {
  return new Set(listedShells(file).filter(isExecutable))
}

// Whether a file is the same that it was: not read, only looked at.
import { statSync, type BigIntStats } from 'node:fs'

/** Device, inode, size and change time: a file that was replaced or written has another one; inode(7). */
export function versionOf({ dev, ino, size, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, ctimeNs].join(':')
}

/** The version of the file at `path`; "none" where there is none, or it cannot be looked at. */
export function fileVersion(path: string): string {
  try {
    return versionOf(statSync(path, { bigint: true }))
  } catch {
    return 'none'
  }
}

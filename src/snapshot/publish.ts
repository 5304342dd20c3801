// Puts directory.db in place: temporary file, fsync, rename, then the word to the readers of the old.
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { supersededOffset } from './format.ts'

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Publishes `bytes` as directory.db in `stateDir`; readers see the old file or the new one, whole. */
export async function publishSnapshot(stateDir: string, bytes: Buffer): Promise<void> {
  const path = join(stateDir, 'directory.db')
  const temporary = `${path}.new`
  // Left over by a crash: its inode is nobody's yet.
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o644)
  try {
    await file.writeFile(bytes)
    // The umask of the daemon is for its secrets; this file is for everyone.
    await file.chmod(0o644)
    await file.sync()
  } finally {
    await file.close()
  }
  const old = await openIfThere(path)
  try {
    await rename(temporary, path)
    const folder = await open(stateDir, 'r')
    await folder.sync()
    await folder.close()
    await old?.write(Buffer.from([1, 0, 0, 0]), 0, 4, supersededOffset)
  } finally {
    await old?.close()
  }
}

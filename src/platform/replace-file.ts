// Files that others read: replaced whole by rename, or taken away, never rewritten.
import { open, rename, rm, unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What is marked in the old file for processes that have it mapped: 'withdrawn' where no file follows it. */
export type End = 'replaced' | 'withdrawn'

export type FileForm = {
  readonly path: string
  readonly mode: number
  /**
   * Tells this writer's temporary file from another's: needed where two processes may replace the same
   * file at once. Without it a file that a crash left there is the next writer's to remove.
   */
  readonly writer?: string
  /** Marks the old file, which is open for writing, for processes that have it mapped. */
  readonly tellReaders?: (old: FileHandle, end: End) => Promise<void>
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Bytes as a whole, or in parts. */
export type Bytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** All parts in one buffer. */
export async function wholeOf(bytes: Bytes): Promise<Buffer> {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes)
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

async function writeTemporary(path: string, bytes: Bytes, mode: number): Promise<void> {
  // Left over by a crash: no process has it open.
  await rm(path, { force: true })
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(bytes)
    // The umask of the daemon is for its secrets; the mode is the file's own.
    await file.chmod(mode)
    await file.sync()
  } catch (error) {
    // Half a file takes room that another one may need.
    await rm(path, { force: true }).catch(() => undefined)
    throw error
  } finally {
    await file.close()
  }
}

/** Temporary file, fsync, rename, fsync of the folder: readers see the old file or the new one, whole. */
export async function replaceFile(form: FileForm, bytes: Bytes): Promise<void> {
  const { path, mode, writer, tellReaders } = form
  const temporary = writer === undefined ? `${path}.new` : `${path}.${writer}.new`
  await writeTemporary(temporary, bytes, mode)
  const old = tellReaders === undefined ? undefined : await openIfThere(path)
  try {
    await rename(temporary, path)
    await syncFolder(path)
    if (old !== undefined) await tellReaders?.(old, 'replaced')
  } finally {
    await old?.close()
  }
}

/** Zeros where every reader looks first: the magic of our files, the brace of JSON. */
const spoilt = Buffer.alloc(8)

/**
 * Takes a file away that cannot be replaced: neither needs room on the disk. A folder that lets
 * nothing be removed may still let the file be written: then it is spoilt, so that no reader believes it.
 * @throws when neither can be done: the file is still believed.
 */
export async function withdrawFile({ path, tellReaders }: FileForm): Promise<void> {
  const old = await openIfThere(path).catch(() => undefined)
  try {
    try {
      await unlink(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        if (old === undefined) throw error
        await old.write(spoilt, 0, spoilt.length, 0)
        await old.sync()
      }
    }
    if (old !== undefined) await tellReaders?.(old, 'withdrawn')
    await syncFolder(path)
  } finally {
    await old?.close()
  }
}

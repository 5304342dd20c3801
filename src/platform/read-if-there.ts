// A file that may not be there yet: its absence is an answer, all else an error.
import { readFile } from 'node:fs/promises'

/** The text of `path`; undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

// A state file that cannot be used is kept for an administrator, out of the way of the next one.
import { rename } from 'node:fs/promises'

/** Renames `path` to `path.damaged`, over an earlier one; where that fails it is overwritten later. */
export async function setAside(path: string): Promise<void> {
  await rename(path, `${path}.damaged`).catch(() => undefined)
}

// Who lives on this host: the owners of processes, as /proc tells everybody. proc(5)
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The uids that own processes now. */
export async function readLiveUids(proc = '/proc'): Promise<ReadonlySet<number>> {
  const entries = await readdir(proc)
  const uids = new Set<number>()
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    try {
      uids.add((await stat(join(proc, entry))).uid)
    } catch {
      // It ended while we looked.
    }
  }
  return uids
}

// Puts directory.db in place, and takes it away where it cannot be replaced.
import { join } from 'node:path'
import type { Clock } from '../platform/clock.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import type { Log } from '../platform/log.ts'
import { replaceFile, type FileForm } from '../platform/replace-file.ts'
import { saysMore } from './decode.ts'
import { supersededOffset } from './format.ts'

/** The word in a file that is not the one of the path any more; native/common/snapshot.h. */
const endWords = { replaced: 1, withdrawn: 2 } as const

/** Where directory.db is. */
export function snapshotPath(stateDir: string): string {
  return join(stateDir, 'directory.db')
}

function formOf(stateDir: string): FileForm {
  return {
    path: snapshotPath(stateDir),
    mode: 0o644,
    tellReaders: async (old, end) => {
      await old.write(Buffer.from([endWords[end], 0, 0, 0]), 0, 4, supersededOffset)
    },
  }
}

/** Publishes `bytes` as directory.db in `stateDir`; readers see the old file or the new one, whole. */
export function publishSnapshot(stateDir: string, bytes: Buffer): Promise<void> {
  return replaceFile(formOf(stateDir), bytes)
}

/** The writer of directory.db in `stateDir`. */
export function createSnapshotFile(
  stateDir: string,
  deps: { readonly clock: Clock; readonly log: Log },
): DurableFile {
  return createDurableFile({
    ...formOf(stateDir),
    ...deps,
    saysMore: (onDisk, wanted) => Promise.resolve(saysMore(onDisk, wanted)),
  })
}

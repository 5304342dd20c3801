// Puts directory.db in place, and takes it away where it cannot be replaced.
import { join } from 'node:path'
import type { Clock } from '../platform/clock.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import type { Log } from '../platform/log.ts'
import { readBytesIfThere } from '../platform/read-if-there.ts'
import { replaceFile, type FileForm } from '../platform/replace-file.ts'
import type { Work } from '../platform/turns.ts'
import { decodeSteps, saysMoreSteps, type SnapshotContent } from './decode.ts'
import { supersededOffset } from './format.ts'

/** The word in a file that is not the one of the path any more; native/common/snapshot.h. */
const endWords = { replaced: 1, withdrawn: 2 } as const

function formOf(stateDir: string): FileForm {
  return {
    path: join(stateDir, 'directory.db'),
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

/**
 * What directory.db in `stateDir` says; undefined where there is none.
 * @throws {FormatError} when it is damaged
 */
export async function readSnapshot(
  stateDir: string,
  work: Work,
): Promise<SnapshotContent | undefined> {
  const bytes = await readBytesIfThere(formOf(stateDir).path)
  return bytes === undefined ? undefined : work(decodeSteps(bytes))
}

/** The writer of directory.db in `stateDir`. */
export function createSnapshotFile(
  stateDir: string,
  deps: { readonly clock: Clock; readonly log: Log; readonly work: Work },
): DurableFile {
  const { work } = deps
  return createDurableFile({
    ...formOf(stateDir),
    ...deps,
    saysMore: (onDisk, wanted) => work(saysMoreSteps(onDisk, wanted)),
  })
}

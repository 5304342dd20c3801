// directory.json as the resolver has it: bytes that a child process made, and the next one begins with. The
// resolver itself never looks into them.
import { open } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../platform/clock.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import { holdBytes, type HeldBytes } from '../platform/held-bytes.ts'
import type { Log } from '../platform/log.ts'

const openFile = promisify(open)

export type StateFile = {
  /** What the next child process begins with; undefined where there is none. */
  readonly held: () => HeldBytes | undefined
  /** Takes the bytes over; resolves after a try, true when they are on disk. One that failed goes on. */
  readonly save: (bytes: HeldBytes) => Promise<boolean>
  readonly file: DurableFile
}

/** The bytes of a file, whatever becomes of its name; undefined where it cannot be opened. */
export async function holdFile(path: string): Promise<HeldBytes | undefined> {
  try {
    return holdBytes(await openFile(path, 'r'))
  } catch {
    return undefined
  }
}

/** Where directory.json is. */
export function statePath(stateDir: string): string {
  return join(stateDir, 'directory.json')
}

/**
 * The state file in `stateDir`, which holds `first`.
 * @param deps.saysMore whether one directory.json has people or memberships that the other has not
 */
export function createStateFile(
  stateDir: string,
  first: HeldBytes | undefined,
  deps: {
    readonly saysMore: (onDisk: Buffer, wanted: Buffer) => Promise<boolean>
    readonly clock: Clock
    readonly log: Log
  },
): StateFile {
  const path = statePath(stateDir)
  let held = first
  const file = createDurableFile({ ...deps, path, mode: 0o600 })
  return {
    file,
    held: () => held,
    save: async (bytes) => {
      held?.close()
      held = bytes
      // Each try writes what is held then.
      const isWritten = await file.put(() => Promise.resolve({ bytes: held ?? bytes }))
      const onDisk = isWritten ? await holdFile(path) : undefined
      if (onDisk === undefined) return isWritten
      if (held === bytes) {
        held = onDisk
        bytes.close()
      } else onDisk.close()
      return isWritten
    },
  }
}

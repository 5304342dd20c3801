// The last known keys on disk: logins go on when the resolver restarts while the source is away
// (keys.json), and while it does not run (keys.db).
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import type { SourceCredentials } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { readIfThere } from '../platform/read-if-there.ts'

export type SavedCredentials = {
  /** SourceUser.id */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  readonly credentials: SourceCredentials
}

const savedSchema = z.object({
  version: z.literal(1),
  people: z.array(
    z.object({
      id: z.string(),
      fetchedAt: z.number(),
      credentials: z.object({
        mfa: z.boolean().exactOptional(),
        keys: z.array(
          z.object({
            id: z.string(),
            origin: z.enum(['iam', 'tag', 'file']),
            body: z.string(),
            uploadedAt: z.number().exactOptional(),
          }),
        ),
      }),
    }),
  ),
})

export type KeysFile = {
  /**
   * Undefined where there is no file.
   * @throws {FormatError} when the file is there but cannot be used.
   */
  readonly load: () => Promise<readonly SavedCredentials[] | undefined>
  readonly save: (people: readonly SavedCredentials[]) => Promise<void>
  /** Puts keys.db in place. */
  readonly publish: (bytes: Buffer) => Promise<void>
}

/** `keys.json` and `keys.db` in `stateDir`. */
export function createKeysFile(stateDir: string): KeysFile {
  const path = join(stateDir, 'keys.json')
  return {
    load: async () => {
      const text = await readIfThere(path)
      if (text === undefined) return undefined
      try {
        return savedSchema.parse(JSON.parse(text)).people
      } catch (error) {
        throw new FormatError(
          'format_state',
          `reading ${path}: it is damaged or of another version`,
          {
            hint: `keys are asked of the source again; remove ${path} if this message stays`,
            cause: error,
          },
        )
      }
    },
    save: (people) => {
      const saved = people.map(({ id, fetchedAt, credentials }) => ({ id, fetchedAt, credentials }))
      return writeFileAtomic(path, JSON.stringify({ version: 1, people: saved }), { mode: 0o600 })
    },
    publish: (bytes) => writeFileAtomic(join(stateDir, 'keys.db'), bytes, { mode: 0o600 }),
  }
}

// The last known keys on disk: logins go on when the resolver restarts while the source is away
// (keys.json), and while it does not run (keys.db).
import { join } from 'node:path'
import { z } from 'zod'
import type { SourceCredentials } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import type { Clock } from '../platform/clock.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import type { Log } from '../platform/log.ts'
import { readIfThere } from '../platform/read-if-there.ts'
import { opensMore } from './known-keys.ts'

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
  /** Writes keys.json with what `people` gives; each of its tries asks anew. */
  readonly save: (people: () => readonly SavedCredentials[]) => Promise<void>
  /** Puts keys.db in place. */
  readonly publish: (encode: () => Promise<Buffer>) => Promise<void>
  readonly files: readonly DurableFile[]
}

function encode(people: readonly SavedCredentials[]): Buffer {
  const saved = people.map(({ id, fetchedAt, credentials }) => ({ id, fetchedAt, credentials }))
  return Buffer.from(JSON.stringify({ version: 1, people: saved }))
}

/** What opens doors by one keys.json. */
function keysIn(bytes: Buffer): ReadonlySet<string> {
  const { people } = savedSchema.parse(JSON.parse(bytes.toString('utf8')))
  return new Set(
    people.flatMap(({ id, credentials: { keys, mfa } }) => [
      ...keys.map((key) => `${id} ${key.id} ${key.body}`),
      ...(mfa === true ? [`${id} mfa`] : []),
    ]),
  )
}

/** Whether one keys.json has keys that the other has not; a damaged one has none. */
export function savesMore(onDisk: Buffer, wanted: Buffer): boolean {
  let before: ReadonlySet<string>
  try {
    before = keysIn(onDisk)
  } catch {
    return false
  }
  const now = keysIn(wanted)
  return [...before].some((key) => !now.has(key))
}

/** `keys.json` and `keys.db` in `stateDir`. */
export function createKeysFile(
  stateDir: string,
  deps: { readonly clock: Clock; readonly log: Log },
): KeysFile {
  const path = join(stateDir, 'keys.json')
  const json = createDurableFile({
    ...deps,
    path,
    mode: 0o600,
    saysMore: (onDisk, wanted) => Promise.resolve(savesMore(onDisk, wanted)),
  })
  const db = createDurableFile({
    ...deps,
    path: join(stateDir, 'keys.db'),
    mode: 0o600,
    saysMore: (onDisk, wanted) => Promise.resolve(opensMore(onDisk, wanted)),
  })
  return {
    files: [json, db],
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
    save: async (people) => {
      await json.put(() => Promise.resolve({ bytes: encode(people()) }))
    },
    publish: async (spell) => {
      await db.put(async () => ({ bytes: await spell() }))
    },
  }
}

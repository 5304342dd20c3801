// The last good directory on disk: what a restarted resolver serves while the source is away.
import { join } from 'node:path'
import { z } from 'zod'
import type { Steps } from '../directory/steps.ts'
import type { Pins, SourceDirectory, UnreadOverrides } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { readIfThere } from '../platform/read-if-there.ts'
import { setAside } from '../platform/set-aside.ts'
import type { Work } from '../platform/turns.ts'

const ids = z.record(z.string(), z.number())
const stateSchema = z.object({
  version: z.literal(1),
  /** Which source it was read from; files of older versions do not tell. */
  origin: z.string().exactOptional(),
  readAt: z.number(),
  pins: z.object({ uids: ids, gids: ids, homes: z.record(z.string(), z.string()).exactOptional() }),
  source: z.object({
    complete: z.boolean(),
    users: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        arn: z.string(),
        createdAt: z.number(),
        overrides: z
          .object({
            uid: z.number().exactOptional(),
            gecos: z.string().exactOptional(),
            dir: z.string().exactOptional(),
            shell: z.string().exactOptional(),
          })
          .exactOptional(),
      }),
    ),
    groups: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        arn: z.string(),
        createdAt: z.number(),
        memberIds: z.array(z.string()),
      }),
    ),
    unread: z
      .array(
        z.object({
          name: z.string(),
          code: z.string(),
          message: z.string(),
          hint: z.string(),
          isAbsent: z.boolean(),
          lastReadAt: z.number().exactOptional(),
        }),
      )
      .exactOptional(),
    keptUserIds: z.array(z.string()).exactOptional(),
    unreadOverrides: z
      .object({
        reason: z
          .object({ code: z.string(), message: z.string(), hint: z.string() })
          .exactOptional(),
        keptIds: z.array(z.string()),
        unknownIds: z.array(z.string()),
      })
      .exactOptional(),
  }),
})

export type SavedDirectory = {
  readonly readAt: number
  readonly pins: Pins
  readonly source: SourceDirectory
}

export type LoadedState = {
  /** Ids stay given, whichever source they were given for. */
  readonly pins: Pins
  /** Undefined where it was read from another source than the configured one. */
  readonly saved: SavedDirectory | undefined
}

export type StateFile = {
  /**
   * The saved directory; undefined when there is none yet.
   * @throws {FormatError} when the file is there but cannot be used; it is set aside.
   */
  readonly load: () => Promise<LoadedState | undefined>
  /** Resolves after a try; one that failed goes on until it succeeds. */
  readonly save: (saved: SavedDirectory) => Promise<void>
  readonly file: DurableFile
}

/** Items that are spelled at once: well under a millisecond. */
const chunkLength = 100

function* listSteps(items: readonly unknown[]): Steps<string> {
  const parts: string[] = []
  for (let at = 0; at < items.length; at += chunkLength) {
    parts.push(JSON.stringify(items.slice(at, at + chunkLength)).slice(1, -1))
    yield
  }
  return `[${parts.join(',')}]`
}

function* pinSteps(pins: Readonly<Record<string, number>>): Steps<string> {
  const parts: string[] = []
  for (const id in pins) {
    parts.push(`${JSON.stringify(id)}:${pins[id] ?? 0}`)
    yield
  }
  return `{${parts.join(',')}}`
}

function* overrideSteps({ reason, keptIds, unknownIds }: UnreadOverrides): Steps<string> {
  const why = reason === undefined ? '' : `"reason":${JSON.stringify(reason)},`
  return `{${why}"keptIds":${yield* listSteps(keptIds)},"unknownIds":${yield* listSteps(unknownIds)}}`
}

/** What is saved as JSON, in steps: at 50,000 users it is 10 MB. */
export function* stateSteps({ readAt, pins, source }: SavedDirectory, origin = ''): Steps<string> {
  const uids = yield* pinSteps(pins.uids)
  const gids = yield* pinSteps(pins.gids)
  const homes = pins.homes === undefined ? '' : `,"homes":${JSON.stringify(pins.homes)}`
  const users = yield* listSteps(source.users)
  const groups = yield* listSteps(source.groups)
  const unread = source.unread === undefined ? '' : `,"unread":${JSON.stringify(source.unread)}`
  const kept =
    source.keptUserIds === undefined ? '' : `,"keptUserIds":${yield* listSteps(source.keptUserIds)}`
  const overrides =
    source.unreadOverrides === undefined
      ? ''
      : `,"unreadOverrides":${yield* overrideSteps(source.unreadOverrides)}`
  return `{"version":1,"origin":${JSON.stringify(origin)},"readAt":${readAt},"pins":{"uids":${uids},"gids":${gids}${homes}},"source":{"complete":${source.complete},"users":${users},"groups":${groups}${unread}${kept}${overrides}}}`
}

/** Who exists by a saved directory, and who is in which group. */
function rightsOf({ source }: Pick<SavedDirectory, 'source'>): ReadonlySet<string> {
  const users = source.users.map(({ id, name }) => `${id} ${name}`)
  const members = source.groups.flatMap(({ name, memberIds }) =>
    memberIds.map((id) => `${id} in ${name}`),
  )
  return new Set([...users, ...members])
}

/** Whether the one on disk has people or memberships that the other has not; a damaged one has none. */
export function saysMore(onDisk: Buffer, wanted: Buffer): boolean {
  const parse = (bytes: Buffer): ReadonlySet<string> =>
    rightsOf(stateSchema.parse(JSON.parse(bytes.toString('utf8'))))
  let before: ReadonlySet<string>
  try {
    before = parse(onDisk)
  } catch {
    return false
  }
  const now = parse(wanted)
  return [...before].some((right) => !now.has(right))
}

/** The state file `directory.json` in `stateDir`. */
export function createStateFile(
  stateDir: string,
  origin: string,
  deps: { readonly clock: Clock; readonly log: Log; readonly work: Work },
): StateFile {
  const path = join(stateDir, 'directory.json')
  const file = createDurableFile({
    ...deps,
    path,
    mode: 0o600,
    saysMore: (onDisk, wanted) => Promise.resolve(saysMore(onDisk, wanted)),
  })
  return {
    file,
    load: async () => {
      const text = await readIfThere(path)
      if (text === undefined) return undefined
      try {
        const { readAt, pins, source, ...parsed } = stateSchema.parse(JSON.parse(text))
        const isOurs = (parsed.origin ?? origin) === origin
        return { pins, saved: isOurs ? { readAt, pins, source } : undefined }
      } catch (error) {
        await setAside(path)
        throw new FormatError(
          'format_state',
          `reading ${path}: it is damaged or of another version`,
          {
            hint: `what directory.db tells serves until the source is read; the file is kept as ${path}.damaged`,
            cause: error,
          },
        )
      }
    },
    save: async (saved) => {
      await file.put(async () => ({
        bytes: Buffer.from(await deps.work(stateSteps(saved, origin))),
      }))
    },
  }
}

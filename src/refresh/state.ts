// What a restart serves before the first read, or without one: the source directory as it was read, and
// the ids that were given. Only the child process that reads the source looks into it.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { DirectoryRules, HostAccounts, Pins, SourceDirectory } from '../directory/types.ts'

const ids = z.record(z.string(), z.number())
const rulesSchema = z.object({
  groups: z.array(z.string()),
  sudoGroups: z.array(z.string()),
  sharedAccounts: z.record(z.string(), z.array(z.string())),
  nameCase: z.enum(['lower', 'preserve']),
  stripDomains: z.array(z.string()),
  reservedNames: z.array(z.string()),
  ids: z.object({ min: z.number(), max: z.number() }),
  home: z.string(),
  shell: z.string(),
})
const stateSchema = z.object({
  version: z.literal(1),
  /** Which source it was read from; files of older versions do not tell. */
  origin: z.string().exactOptional(),
  readAt: z.number(),
  rules: rulesSchema.exactOptional(),
  inputs: z.string().exactOptional(),
  notices: z.array(z.string()).exactOptional(),
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
    pages: z
      .record(
        z.string(),
        z.array(z.object({ sum: z.string(), count: z.number(), next: z.string().exactOptional() })),
      )
      .exactOptional(),
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
  /** When the source was read, milliseconds since the epoch. */
  readonly readAt: number
  readonly pins: Pins
  readonly source: SourceDirectory
  /** The rules by which the directory was built; the file of an older resolver does not tell. */
  readonly rules?: DirectoryRules
  /** fingerprintOf the rules and the local accounts. */
  readonly inputs?: string
  /** The reasons of all notices: those were logged. */
  readonly notices?: readonly string[]
}

export type LoadedState = {
  /** Ids stay given, whichever source they were given for. */
  readonly pins: Pins
  /** Undefined where it was read from another source than the configured one. */
  readonly saved: SavedDirectory | undefined
}

/** The state as the bytes of directory.json. */
export function encodeState(saved: SavedDirectory, origin: string): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, origin, ...saved }))
}

/**
 * The state of directory.json.
 * @param origin the configured source; the directory of another one is not used, but for the given ids
 * @throws {Error} when it is damaged or of another version
 */
export function decodeState(bytes: Buffer, origin: string): LoadedState {
  const { origin: readFrom, ...saved } = stateSchema.parse(JSON.parse(bytes.toString('utf8')))
  return { pins: saved.pins, saved: (readFrom ?? origin) === origin ? saved : undefined }
}

/** Tells one set of rules and local accounts from another. */
export function fingerprintOf(rules: DirectoryRules, host: HostAccounts): string {
  const { users, groups, ids, homes, sysusers, shells } = host
  const lists = [users, groups, ids, homes, sysusers, shells].map((each) => [...each])
  return createHash('sha256')
    .update(JSON.stringify([rules, ...lists]))
    .digest('base64')
}

/** The users and memberships of a saved directory. */
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

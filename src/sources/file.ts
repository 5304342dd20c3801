// The source `file`: a TOML directory of users, groups and keys, for air-gapped hosts and
// break-glass. Read anew each time: an edit needs no restart.
import { readFile, stat } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import * as z from 'zod'
import { createLineOf, type LineOf } from '../config/toml-lines.ts'
import type { SourceDirectory, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import type { Source } from './source.ts'
import { unreadGroup } from './unread.ts'

const name = z
  .string({ error: 'a name of letters, digits and _+=,.@-' })
  .regex(/^[\w+=,.@-]{1,128}$/, 'a name of letters, digits and _+=,.@-')
const created = z.date({ error: 'a date such as 2026-01-31T12:00:00Z' }).optional()

const documentSchema = z.strictObject({
  user: z
    .array(
      z.strictObject({
        name,
        id: z
          .string()
          .regex(/^[\w:.-]{1,128}$/, 'an id of letters, digits and _:.-')
          .optional(),
        arn: z.string().optional(),
        created,
        keys: z
          .array(z.string({ error: 'a key "type base64 comment"' }), { error: 'a list of keys' })
          .default([]),
        mfa: z.boolean({ error: 'true or false' }).optional(),
        uid: z.number({ error: 'a whole number' }).int('a whole number').optional(),
        gecos: z.string({ error: 'text' }).optional(),
        home: z.string({ error: 'an absolute path' }).optional(),
        shell: z.string({ error: 'an absolute path' }).optional(),
      }),
      { error: 'tables [[user]]' },
    )
    .default([]),
  group: z
    .array(
      z.strictObject({
        name,
        id: z
          .string()
          .regex(/^[\w:.-]{1,128}$/, 'an id of letters, digits and _:.-')
          .optional(),
        created,
        members: z.array(z.string(), { error: 'a list of user names' }).default([]),
      }),
      { error: 'tables [[group]]' },
    )
    .default([]),
})
type FileDocument = z.infer<typeof documentSchema>
type FileUser = FileDocument['user'][number]

function malformed(message: string, hint: string, cause?: unknown): SourceError {
  return new SourceError('source_malformed', message, { hint, cause })
}

async function readText(path: string, signal: AbortSignal): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o022) !== 0)
      throw new SourceError('source_denied', `reading ${path}: writable by others than its owner`, {
        hint: `whoever can write it can let people in: chmod go-w ${path}`,
      })
    return await readFile(path, { encoding: 'utf8', signal })
  } catch (error) {
    if (error instanceof SourceError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new SourceError('source_unreachable', `reading ${path}: ${reason}`, {
      hint: 'write the file, readable for the user iamlogin, or change source.path',
      cause: error,
    })
  }
}

/** Two of one id would be one person, or one group, with one uid; of two by one name, one would be lost. */
function repetitions(
  path: string,
  lineOf: LineOf,
  {
    kind,
    tables,
  }: {
    readonly kind: 'user' | 'group'
    readonly tables: readonly { readonly name: string; readonly id?: string | undefined }[]
  },
): readonly string[] {
  const seen = new Set<string>()
  return tables.flatMap(({ name, id }, index) => {
    const marks = [`name "${name}"`, `id "${id ?? `file:${name}`}"`]
    const again = marks.find((mark) => seen.has(mark))
    for (const mark of marks) seen.add(mark)
    return again === undefined
      ? []
      : [`${path}:${lineOf([kind, index, 'name']) ?? 1}: ${kind}: a second one with the ${again}`]
  })
}

function decode(path: string, text: string, lineOf: LineOf): FileDocument {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw malformed(
      `${path}:${error.line}:${error.column}: ${error.message.split('\n')[0] ?? 'no TOML'}`,
      'fix the TOML syntax on that line: https://toml.io/en/v1.0.0',
      error,
    )
  }
  const parsed = documentSchema.safeParse(table)
  if (parsed.success) {
    const repeated = [
      ...repetitions(path, lineOf, { kind: 'user', tables: parsed.data.user }),
      ...repetitions(path, lineOf, { kind: 'group', tables: parsed.data.group }),
    ]
    if (repeated.length === 0) return parsed.data
    throw malformed(repeated.join('\n'), 'give each its own name and id')
  }
  const found = parsed.error.issues.flatMap((issue) => {
    const at = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...at, key]) : [at]
    const said = issue.code === 'unrecognized_keys' ? 'unknown key' : `allowed: ${issue.message}`
    return paths.map((each) => `${path}:${lineOf(each) ?? 1}: ${each.join('.')}: ${said}`)
  })
  throw malformed(found.join('\n'), 'fix the lines above')
}

function toUser(user: FileUser): SourceUser {
  const { uid, gecos, home: dir, shell } = user
  const overrides = {
    ...(uid === undefined ? {} : { uid }),
    ...(gecos === undefined ? {} : { gecos }),
    ...(dir === undefined ? {} : { dir }),
    ...(shell === undefined ? {} : { shell }),
  }
  return {
    id: user.id ?? `file:${user.name}`,
    name: user.name,
    arn: user.arn ?? `file:user/${user.name}`,
    createdAt: user.created?.getTime() ?? 0,
    ...(Object.keys(overrides).length === 0 ? {} : { overrides }),
  }
}

function unknownGroup(path: string, wanted: string): SourceError {
  return new SourceError(
    'source_unknown_group',
    `reading group ${wanted}: ${path} has no such group`,
    { hint: `add [[group]] name = "${wanted}" to ${path} or remove it from the configuration` },
  )
}

function select(
  path: string,
  lineOf: LineOf,
  file: FileDocument,
  groups: readonly string[],
): SourceDirectory {
  const users = new Map(file.user.map((user) => [user.name, toUser(user)]))
  for (const [index, group] of file.group.entries())
    for (const [place, member] of group.members.entries())
      if (!users.has(member))
        throw malformed(
          `${path}:${lineOf(['group', index, 'members', place]) ?? 1}: group.${group.name}: unknown member "${member}"`,
          `add a [[user]] named "${member}" or remove it from the group`,
        )
  const complete = groups.includes('*')
  const known = new Set(['*', ...file.group.map((group) => group.name)])
  const errors = groups
    .filter((wanted) => !known.has(wanted))
    .map((wanted) => ({ wanted, error: unknownGroup(path, wanted) }))
  if (errors[0] !== undefined && errors.length === groups.length) throw errors[0].error
  const chosen = file.group
    .filter((group) => groups.includes(group.name))
    .map((group) => ({
      id: group.id ?? `file:${group.name}`,
      name: group.name,
      arn: `file:group/${group.name}`,
      createdAt: group.created?.getTime() ?? 0,
      memberIds: group.members.flatMap((member) => users.get(member)?.id ?? []),
    }))
  const members = new Set(chosen.flatMap((group) => group.memberIds))
  const present = [...users.values()].filter((user) => complete || members.has(user.id))
  return {
    complete,
    users: present,
    groups: chosen,
    ...(errors.length === 0
      ? {}
      : { unread: errors.map(({ wanted, error }) => unreadGroup(wanted, error)) }),
  }
}

/** Makes the file source for the TOML directory at `path`. */
export function createFileSource(options: { readonly path: string }): Source {
  const { path } = options
  let reads = 0
  const read = async (
    signal: AbortSignal,
  ): Promise<{ readonly lineOf: LineOf; readonly file: FileDocument }> => {
    reads++
    const text = await readText(path, signal)
    const lineOf = createLineOf(text)
    return { lineOf, file: decode(path, text, lineOf) }
  }
  return {
    kind: 'file',
    calls: () => ({ ReadFile: reads }),
    close: () => Promise.resolve(),
    fetchDirectory: async ({ groups }, signal) => {
      const { lineOf, file } = await read(signal)
      return select(path, lineOf, file, groups)
    },
    // Keys are found by the id.
    identify: () => Promise.resolve('same'),
    fetchCredentials: async (user, signal) => {
      const { file } = await read(signal)
      const found = file.user.find((each) => (each.id ?? `file:${each.name}`) === user.id)
      const keys = (found?.keys ?? []).map((body, index) => ({
        id: `file:${index + 1}`,
        origin: 'file' as const,
        body,
      }))
      return { keys, ...(found?.mfa === undefined ? {} : { mfa: found.mfa }) }
    },
  }
}

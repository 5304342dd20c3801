// The source `iam`: GetGroup for each configured group, every page; keys at a login.
import { ListUsersCommand, type IAMClient } from '@aws-sdk/client-iam'
import type {
  Overrides,
  SourceDirectory,
  SourceUser,
  UnreadGroup,
  UnreadOverrides,
} from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { createAnswerSums, type AnswerSums } from './answer-sums.ts'
import { createIamClient, type IamClientOptions } from './iam-client.ts'
import {
  identify,
  overridesFromTags,
  readCredentials,
  readTags,
  type KeyBodies,
} from './iam-credentials.ts'
import { otherName, toSourceError } from './iam-errors.ts'
import { createGroupReader, decodeUser, mostPages, type GroupRead } from './iam-groups.ts'
import { pagesOf } from './pages.ts'
import { isOfOne, unreadGroup } from './unread.ts'
import type { DirectoryQuery, Source } from './source.ts'

export type IamSourceOptions = IamClientOptions & {
  /** Read keys from tags, too, at a login: one ListUserTags more. */
  readonly keyTags: boolean
  /** Read every user's tags at each refresh for overrides: one ListUserTags a user, the groups twice. */
  readonly userTags: boolean
  /** Ask for MFA devices at a login: one ListMFADevices more. */
  readonly mfa: boolean
  readonly bodies: KeyBodies
}

/** How many requests of one read are in flight: IAM throttles bursts. */
const concurrency = 5

async function mapLimited<T, R>(
  items: readonly T[],
  run: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await run(item)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return results
}

async function readEveryone(client: IAMClient, signal: AbortSignal): Promise<GroupRead> {
  try {
    const users: SourceUser[] = []
    const pages = pagesOf({ action: 'iam:ListUsers', most: mostPages }, (more) =>
      client.send(new ListUsersCommand({ MaxItems: 1000, ...more }), { abortSignal: signal }),
    )
    for await (const page of pages) users.push(...(page.Users ?? []).map(decodeUser))
    return { users }
  } catch (error) {
    throw toSourceError(error, 'reading all users', {
      action: 'iam:ListUsers',
      resource: 'all users',
    })
  }
}

type Connection = { readonly client: IAMClient; readonly sums: AnswerSums }

/** Groups are believed one by one; what no group can answer fails the read. */
async function readGroups(
  { client, sums }: Connection,
  { groups: names, before }: DirectoryQuery,
  signal: AbortSignal,
): Promise<SourceDirectory> {
  const readGroup = createGroupReader(client, sums, before)
  const unread: UnreadGroup[] = []
  const errors: SourceError[] = []
  const read = await mapLimited(names, async (name): Promise<GroupRead | undefined> => {
    try {
      return await (name === '*' ? readEveryone(client, signal) : readGroup(name, signal))
    } catch (error) {
      if (signal.aborted || !(error instanceof SourceError) || !isOfOne(error)) throw error
      errors.push(error)
      unread.push(unreadGroup(name, error))
      return undefined
    }
  })
  const told = read.filter((each) => each !== undefined)
  // Not one of the groups: then it is rather the account, the endpoint or the configuration.
  const failure = errors.find(({ code }) => code !== 'source_unknown_group') ?? errors[0]
  if (told.length === 0 && failure !== undefined) throw failure
  const found = told.flatMap(({ users }) => users)
  return {
    complete: names.includes('*') && !unread.some(({ name }) => name === '*'),
    groups: told.flatMap(({ group }) => group ?? []),
    users: [...new Map(found.map((user) => [user.id, user])).values()],
    pages: Object.fromEntries(
      told.flatMap(({ group, pages }) =>
        group === undefined || pages === undefined ? [] : [[group.name, pages] as const],
      ),
    ),
    ...(unread.length === 0 ? {} : { unread }),
  }
}

/** The ids in `errors` in the order of `users`, so that two reads can be compared, with one reason. */
function unreadOverrides(
  users: readonly SourceUser[],
  errors: ReadonlyMap<string, SourceError>,
): { readonly unreadOverrides?: UnreadOverrides } {
  if (errors.size === 0) return {}
  const unknownIds = users.flatMap(({ id }) => (errors.has(id) ? [id] : []))
  // A name that IAM has not any more is no outage: the next read tells what became of the person.
  const first = unknownIds
    .flatMap((id) => errors.get(id) ?? [])
    .find(({ code }) => code !== 'source_unknown_user')
  const reason =
    first === undefined
      ? {}
      : { reason: { code: first.code, message: first.message, hint: first.hint } }
  return { unreadOverrides: { keptIds: [], unknownIds, ...reason } }
}

/**
 * The directory with everyone's overrides; a user whose tags cannot be read is in `unreadOverrides`. IAM
 * gives tags by user name and does not say whose they are, and a uid of a tag is kept for good: after the
 * tags, the groups are read again, and tags count only where the name still has the same UserId.
 */
async function readOverrides(
  connection: Connection,
  query: DirectoryQuery,
  signal: AbortSignal,
): Promise<SourceDirectory> {
  const { client } = connection
  const directory = await readGroups(connection, query, signal)
  const errors = new Map<string, SourceError>()
  const read = await mapLimited(directory.users, async (user): Promise<Overrides | undefined> => {
    try {
      return overridesFromTags(await readTags(client, user, signal))
    } catch (error) {
      if (signal.aborted || !(error instanceof SourceError) || !isOfOne(error)) throw error
      errors.set(user.id, error)
      return undefined
    }
  })
  const again = await readGroups(connection, { ...query, before: directory }, signal)
  const names = new Map(again.users.map(({ id, name }) => [id, name]))
  const users = directory.users.map((user, index): SourceUser => {
    const overrides = read[index]
    if (overrides === undefined) return user
    if (names.get(user.id) === user.name) return { ...user, overrides }
    errors.set(user.id, otherName(user.name))
    return user
  })
  return { ...directory, users, ...unreadOverrides(users, errors) }
}

/** Makes the IAM source. Reads nothing yet. */
export function createIamSource(options: IamSourceOptions): Source {
  const calls: Record<string, number> = {}
  const sums = createAnswerSums()
  const count = (operation: string): void => {
    calls[operation] = (calls[operation] ?? 0) + 1
  }
  const client = createIamClient(options, count, sums)
  return {
    kind: 'iam',
    calls: () => ({ ...calls }),
    close: () => {
      client.destroy()
      return Promise.resolve()
    },
    fetchDirectory: (query, signal) =>
      (options.userTags ? readOverrides : readGroups)({ client, sums }, query, signal),
    identify: (user, signal) => identify(client, user, signal),
    fetchCredentials: (user, signal) =>
      readCredentials(client, user, {
        bodies: options.bodies,
        tags: options.keyTags,
        mfa: options.mfa,
        signal,
      }),
  }
}

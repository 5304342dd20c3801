// The source `iam`: GetGroup for each configured group, every page; keys when somebody knocks.
import {
  GetGroupCommand,
  ListUsersCommand,
  type Group,
  type IAMClient,
  type User,
} from '@aws-sdk/client-iam'
import type {
  Overrides,
  SourceDirectory,
  SourceGroup,
  SourceUser,
  UnreadGroup,
  UnreadOverrides,
} from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { createIamClient, type IamClientOptions } from './iam-client.ts'
import {
  identify,
  overridesFromTags,
  readCredentials,
  readTags,
  type KeyBodies,
} from './iam-credentials.ts'
import { isNoSuchEntity, otherName, toSourceError, unknownGroup } from './iam-errors.ts'
import { pagesOf } from './pages.ts'
import { isOfOne, unreadGroup } from './unread.ts'
import type { Source } from './source.ts'

export type IamSourceOptions = IamClientOptions & {
  /** Read keys from tags when somebody knocks: one ListUserTags more. */
  readonly keyTags: boolean
  /** Read every user's tags at each refresh for overrides: one ListUserTags a user, the groups twice. */
  readonly userTags: boolean
  /** Ask for MFA devices when somebody knocks: one ListMFADevices more. */
  readonly mfa: boolean
  readonly bodies: KeyBodies
}

/** How many requests of one read are in flight: IAM throttles bursts. */
const concurrency = 5

/** IAM gives an account 5,000 users; pages may hold fewer than the 1,000 that are asked for. */
const mostPages = 1_000

/** The gate saw to it that id, name and ARN are there. */
function decodeUser(user: User): SourceUser {
  return {
    id: user.UserId ?? '',
    name: user.UserName ?? '',
    arn: user.Arn ?? '',
    createdAt: user.CreateDate?.getTime() ?? 0,
  }
}

/** @param name as configured: IAM may spell it in another case, which is the same name to it */
function decodeGroup(name: string, group: Group, members: readonly SourceUser[]): SourceGroup {
  return {
    id: group.GroupId ?? '',
    name,
    arn: group.Arn ?? '',
    createdAt: group.CreateDate?.getTime() ?? 0,
    memberIds: members.map((user) => user.id),
  }
}

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

/** What one of the asked groups gave; for "*", every user. */
type Read = {
  readonly users: readonly SourceUser[]
  readonly group?: SourceGroup
}

async function readGroup(client: IAMClient, name: string, signal: AbortSignal): Promise<Read> {
  try {
    let group: Group | undefined
    const users: SourceUser[] = []
    const pages = pagesOf({ action: 'iam:GetGroup', most: mostPages }, (more) =>
      client.send(new GetGroupCommand({ GroupName: name, MaxItems: 1000, ...more }), {
        abortSignal: signal,
      }),
    )
    for await (const page of pages) {
      if (group !== undefined && group.GroupId !== page.Group?.GroupId)
        throw new SourceError(
          'source_malformed',
          `reading group ${name}: it was replaced by another of that name while it was read`,
          { hint: 'the next refresh reads it again' },
        )
      group = page.Group
      users.push(...(page.Users ?? []).map(decodeUser))
    }
    return { users, ...(group === undefined ? {} : { group: decodeGroup(name, group, users) }) }
  } catch (error) {
    if (isNoSuchEntity(error)) throw unknownGroup(name, error)
    throw toSourceError(error, `reading group ${name}`, {
      action: 'iam:GetGroup',
      resource: `group ${name}`,
    })
  }
}

async function readEveryone(client: IAMClient, signal: AbortSignal): Promise<Read> {
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

/** Groups are believed one by one; what no group can answer fails the read. */
async function readGroups(
  client: IAMClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<SourceDirectory> {
  const unread: UnreadGroup[] = []
  const errors: SourceError[] = []
  const read = await mapLimited(names, async (name): Promise<Read | undefined> => {
    try {
      return await (name === '*' ? readEveryone(client, signal) : readGroup(client, name, signal))
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
  client: IAMClient,
  groups: readonly string[],
  signal: AbortSignal,
): Promise<SourceDirectory> {
  const directory = await readGroups(client, groups, signal)
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
  const again = await readGroups(client, groups, signal)
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
  const client = createIamClient(options, (operation) => {
    calls[operation] = (calls[operation] ?? 0) + 1
  })
  return {
    kind: 'iam',
    calls: () => ({ ...calls }),
    close: () => {
      client.destroy()
      return Promise.resolve()
    },
    fetchDirectory: ({ groups }, signal) =>
      (options.userTags ? readOverrides : readGroups)(client, groups, signal),
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

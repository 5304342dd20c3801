// The source `iam`: GetGroup for each configured group, every page; keys when somebody knocks.
import {
  paginateGetGroup,
  paginateListUsers,
  type Group,
  type IAMClient,
  type User,
} from '@aws-sdk/client-iam'
import type { SourceGroup, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { createIamClient, type IamClientOptions } from './iam-client.ts'
import {
  keysFromTags,
  overridesFromTags,
  readMfa,
  readTags,
  readUploadedKeys,
  type KeyBodies,
} from './iam-credentials.ts'
import { isNoSuchEntity, toSourceError, unknownGroup } from './iam-errors.ts'
import type { Source } from './source.ts'

export type IamSourceOptions = IamClientOptions & {
  /** Read keys from tags when somebody knocks: one ListUserTags more. */
  readonly keyTags: boolean
  /** Read every user's tags at each refresh for overrides: one ListUserTags a user. */
  readonly userTags: boolean
  /** Ask for MFA devices when somebody knocks: one ListMFADevices more. */
  readonly mfa: boolean
  readonly bodies: KeyBodies
}

/** How many requests of one read are in flight: IAM throttles bursts. */
const concurrency = 5

function decodeUser(user: User): SourceUser {
  if (user.UserId === undefined || user.UserName === undefined || user.Arn === undefined)
    throw new SourceError('source_malformed', 'reading users: one has no UserId, UserName or Arn', {
      hint: 'the endpoint does not speak IAM as AWS does',
    })
  return {
    id: user.UserId,
    name: user.UserName,
    arn: user.Arn,
    createdAt: user.CreateDate?.getTime() ?? 0,
  }
}

function decodeGroup(group: Group, members: readonly SourceUser[]): SourceGroup {
  return {
    id: group.GroupId ?? '',
    name: group.GroupName ?? '',
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

async function readGroup(
  client: IAMClient,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly group: SourceGroup; readonly users: readonly SourceUser[] }> {
  try {
    let group: Group | undefined
    const users: SourceUser[] = []
    const pages = paginateGetGroup(
      { client, pageSize: 1000 },
      { GroupName: name },
      { abortSignal: signal },
    )
    for await (const page of pages) {
      group ??= page.Group
      users.push(...(page.Users ?? []).map(decodeUser))
    }
    if (group?.GroupId === undefined)
      throw new SourceError(
        'source_malformed',
        `reading group ${name}: the answer has no GroupId`,
        {
          hint: 'the endpoint does not speak IAM as AWS does',
        },
      )
    return { group: decodeGroup(group, users), users }
  } catch (error) {
    if (isNoSuchEntity(error)) throw unknownGroup(name, error)
    throw toSourceError(error, `reading group ${name}`, 'iam:GetGroup')
  }
}

async function readEveryone(
  client: IAMClient,
  signal: AbortSignal,
): Promise<readonly SourceUser[]> {
  try {
    const users: SourceUser[] = []
    const pages = paginateListUsers({ client, pageSize: 1000 }, {}, { abortSignal: signal })
    for await (const page of pages) users.push(...(page.Users ?? []).map(decodeUser))
    return users
  } catch (error) {
    throw toSourceError(error, 'reading all users', 'iam:ListUsers')
  }
}

/** Makes the IAM source. Reads nothing yet. */
export function createIamSource(options: IamSourceOptions): Source {
  const calls: Record<string, number> = {}
  const client = createIamClient(options, (operation) => {
    calls[operation] = (calls[operation] ?? 0) + 1
  })
  const withOverrides = async (user: SourceUser, signal: AbortSignal): Promise<SourceUser> => ({
    ...user,
    overrides: overridesFromTags(await readTags(client, user, signal)),
  })
  return {
    kind: 'iam',
    calls: () => ({ ...calls }),
    close: () => {
      client.destroy()
      return Promise.resolve()
    },
    fetchDirectory: async ({ groups }, signal) => {
      const complete = groups.includes('*')
      const named = groups.filter((name) => name !== '*')
      const everyone = complete ? await readEveryone(client, signal) : []
      const read = await mapLimited(named, (name) => readGroup(client, name, signal))
      const found = [...everyone, ...read.flatMap(({ users }) => users)]
      const users = [...new Map(found.map((user) => [user.id, user])).values()]
      return {
        complete,
        groups: read.map(({ group }) => group),
        users: options.userTags
          ? await mapLimited(users, (user) => withOverrides(user, signal))
          : users,
      }
    },
    fetchCredentials: async (user, signal) => {
      const [uploaded, tags, mfa] = await Promise.all([
        readUploadedKeys(client, user, { bodies: options.bodies, signal }),
        options.keyTags ? readTags(client, user, signal) : [],
        options.mfa ? readMfa(client, user, signal) : undefined,
      ])
      return {
        keys: [...uploaded, ...keysFromTags(tags)],
        ...(mfa === undefined ? {} : { mfa }),
      }
    },
  }
}

// What the door needs of one IAM user: active keys, keys in tags, MFA devices.
import {
  GetSSHPublicKeyCommand,
  GetUserCommand,
  ListMFADevicesCommand,
  ListSSHPublicKeysCommand,
  ListUserTagsCommand,
  type IAMClient,
  type SSHPublicKeyMetadata,
  type Tag,
} from '@aws-sdk/client-iam'
import type {
  CredentialPart,
  Identity,
  Overrides,
  SourceCredentials,
  SourceKey,
  SourceUser,
  UnreadPart,
} from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { isNoSuchEntity, toSourceError, unknownUser } from './iam-errors.ts'
import { pagesOf } from './pages.ts'

/** Bodies of keys by SSHPublicKeyId: IAM never changes one, so each is read once. */
export type KeyBodies = {
  readonly get: (id: string) => string | undefined
  readonly set: (id: string, body: string) => unknown
}

/** IAM's quotas are 5 keys, 50 tags and 8 MFA devices a user. */
const mostPages = 100

async function readBody(
  client: IAMClient,
  user: SourceUser,
  id: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await client.send(
      new GetSSHPublicKeyCommand({ UserName: user.name, SSHPublicKeyId: id, Encoding: 'SSH' }),
      { abortSignal: signal },
    )
    return answer.SSHPublicKey?.SSHPublicKeyBody
  } catch (error) {
    // Deleted between the list and the read.
    if (isNoSuchEntity(error)) return undefined
    throw toSourceError(error, `reading key ${id} of ${user.name}`, {
      action: 'iam:GetSSHPublicKey',
      resource: `user ${user.name}`,
    })
  }
}

function toSourceKey(
  { SSHPublicKeyId: id = '', UploadDate: uploaded, Status: state }: SSHPublicKeyMetadata,
  body: string,
): SourceKey {
  return {
    ...{ id, origin: 'iam', body },
    ...(uploaded === undefined ? {} : { uploadedAt: uploaded.getTime() }),
    // Whatever is not said to be active is not.
    ...(state === 'Active' ? {} : { inactive: true }),
  }
}

/** The keys that were uploaded to IAM, inactive ones too. */
async function readUploadedKeys(
  client: IAMClient,
  user: SourceUser,
  context: { readonly bodies: KeyBodies; readonly signal: AbortSignal },
): Promise<readonly SourceKey[]> {
  const { bodies, signal } = context
  const listed: SSHPublicKeyMetadata[] = []
  try {
    const pages = pagesOf({ action: 'iam:ListSSHPublicKeys', most: mostPages }, (more) =>
      client.send(new ListSSHPublicKeysCommand({ UserName: user.name, MaxItems: 100, ...more }), {
        abortSignal: signal,
      }),
    )
    for await (const page of pages) listed.push(...(page.SSHPublicKeys ?? []))
  } catch (error) {
    if (isNoSuchEntity(error)) throw unknownUser(user.name, error)
    throw toSourceError(error, `listing the keys of ${user.name}`, {
      action: 'iam:ListSSHPublicKeys',
      resource: `user ${user.name}`,
    })
  }
  const keys = await Promise.all(
    listed.map(async (key): Promise<readonly SourceKey[]> => {
      const id = key.SSHPublicKeyId ?? ''
      const body = bodies.get(id) ?? (await readBody(client, user, id, signal))
      if (body === undefined) return []
      bodies.set(id, body)
      return [toSourceKey(key, body)]
    }),
  )
  return keys.flat()
}

/** Every tag of a user. */
export async function readTags(
  client: IAMClient,
  user: SourceUser,
  signal: AbortSignal,
): Promise<readonly Tag[]> {
  const tags: Tag[] = []
  try {
    const pages = pagesOf({ action: 'iam:ListUserTags', most: mostPages }, (more) =>
      client.send(new ListUserTagsCommand({ UserName: user.name, ...more }), {
        abortSignal: signal,
      }),
    )
    for await (const page of pages) tags.push(...(page.Tags ?? []))
    return tags
  } catch (error) {
    if (isNoSuchEntity(error)) throw unknownUser(user.name, error)
    throw toSourceError(error, `reading the tags of ${user.name}`, {
      action: 'iam:ListUserTags',
      resource: `user ${user.name}`,
    })
  }
}

/** Keys in the tags `iamlogin:ssh-key`, `iamlogin:ssh-key:2` … in the order of their numbers. */
function keysFromTags(tags: readonly Tag[]): readonly SourceKey[] {
  return tags
    .flatMap((tag) => {
      const match = /^iamlogin:ssh-key(?::(\d{1,3}))?$/.exec(tag.Key ?? '')
      return match === null ? [] : [{ tag, order: Number(match[1] ?? 1) }]
    })
    .toSorted((a, b) => a.order - b.order)
    .map(({ tag }) => ({ id: `tag:${tag.Key ?? ''}`, origin: 'tag', body: tag.Value ?? '' }))
}

/** `iamlogin:uid`, `:shell`, `:home`, `:name` of a user's tags. */
export function overridesFromTags(tags: readonly Tag[]): Overrides {
  const value = (name: string): string | undefined =>
    tags.find((tag) => tag.Key === `iamlogin:${name}`)?.Value
  const [uid, shell, dir, gecos] = [value('uid'), value('shell'), value('home'), value('name')]
  return {
    ...(uid === undefined ? {} : { uid: /^\d{1,10}$/.test(uid) ? Number(uid) : -1 }),
    ...(shell === undefined ? {} : { shell }),
    ...(dir === undefined ? {} : { dir }),
    ...(gecos === undefined ? {} : { gecos }),
  }
}

/** Whether the user has an MFA device of any kind. */
async function readMfa(client: IAMClient, user: SourceUser, signal: AbortSignal): Promise<boolean> {
  try {
    const pages = pagesOf({ action: 'iam:ListMFADevices', most: mostPages }, (more) =>
      client.send(new ListMFADevicesCommand({ UserName: user.name, ...more }), {
        abortSignal: signal,
      }),
    )
    for await (const page of pages) if ((page.MFADevices ?? []).length > 0) return true
    return false
  } catch (error) {
    if (isNoSuchEntity(error)) throw unknownUser(user.name, error)
    throw toSourceError(error, `listing the MFA devices of ${user.name}`, {
      action: 'iam:ListMFADevices',
      resource: `user ${user.name}`,
    })
  }
}

/** Whether the name is still that of the UserId, by GetUser; 'unknown' where that may not be asked. */
export async function identify(
  client: IAMClient,
  user: SourceUser,
  signal: AbortSignal,
): Promise<Exclude<Identity, 'renamed'>> {
  try {
    const { User } = await client.send(new GetUserCommand({ UserName: user.name }), {
      abortSignal: signal,
    })
    return User?.UserId === user.id ? 'same' : 'another'
  } catch {
    // A read of the directory tells instead, and what keeps both from answering.
    return 'unknown'
  }
}

/** Once one part has answered, a login waits no longer than this for the others. */
const otherPartsMs = 2_000

/** Reads of the parts of one person's credentials: what failed of them, and when the others are late. */
type Parts = {
  readonly unread: UnreadPart[]
  readonly errors: SourceError[]
  /** Ends reads that are not wanted any more. */
  readonly stop: AbortSignal
  readonly late: AbortController
  timer: NodeJS.Timeout | undefined
}

/** What one part says; undefined where it could not be read. */
async function part<T>(
  parts: Parts,
  name: CredentialPart,
  read: Promise<T>,
): Promise<T | undefined> {
  try {
    const answer = await read
    parts.timer ??= setTimeout(() => {
      parts.late.abort(new DOMException('the others have answered', 'AbortError'))
    }, otherPartsMs)
    return answer
  } catch (error) {
    if (parts.stop.aborted || !(error instanceof SourceError)) throw error
    if (error.code === 'source_unknown_user') throw error
    const { code, message, hint } = error
    parts.errors.push(error)
    parts.unread.push({ part: name, code, message, hint })
    return undefined
  }
}

/** What the parts that answered say, and why the others did not. */
export async function readCredentials(
  client: IAMClient,
  user: SourceUser,
  wanted: {
    readonly bodies: KeyBodies
    readonly tags: boolean
    readonly mfa: boolean
    readonly signal: AbortSignal
  },
): Promise<SourceCredentials> {
  const { bodies, signal: stop } = wanted
  const late = new AbortController()
  const signal = AbortSignal.any([stop, late.signal])
  const parts: Parts = { unread: [], errors: [], stop, late, timer: undefined }
  const { unread, errors } = parts
  try {
    const [uploaded, tags, mfa] = await Promise.all([
      part(parts, 'uploads', readUploadedKeys(client, user, { bodies, signal })),
      wanted.tags ? part(parts, 'tags', readTags(client, user, signal)) : undefined,
      wanted.mfa ? part(parts, 'mfa', readMfa(client, user, signal)) : undefined,
    ])
    const isNothingRead = [uploaded, tags, mfa].every((each) => each === undefined)
    if (errors[0] !== undefined && isNothingRead) throw errors[0]
    return {
      keys: [...(uploaded ?? []), ...keysFromTags(tags ?? [])],
      ...(mfa === undefined ? {} : { mfa }),
      ...(unread.length === 0 ? {} : { unread }),
    }
  } finally {
    clearTimeout(parts.timer)
  }
}

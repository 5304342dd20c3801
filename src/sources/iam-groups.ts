// One group of IAM with its members, page by page. A page that is the one of the last read is not read again.
import { GetGroupCommand, type Group, type IAMClient, type User } from '@aws-sdk/client-iam'
import type { GroupPage, SourceDirectory, SourceGroup, SourceUser } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { keyOf, SameAnswer, type AnswerSums } from './answer-sums.ts'
import { isNoSuchEntity, toSourceError, unknownGroup } from './iam-errors.ts'
import { pagesOf } from './pages.ts'

/** IAM gives an account 5,000 users; pages may hold fewer than the 1,000 that are asked for. */
export const mostPages = 1_000

/** A group as it was read. */
export type GroupRead = {
  readonly users: readonly SourceUser[]
  readonly group?: SourceGroup
  readonly pages?: readonly GroupPage[]
}

/** What one page says, and what of it the next read is to know again. */
type Page = {
  readonly group: Omit<SourceGroup, 'memberIds'>
  readonly users: readonly SourceUser[]
  readonly IsTruncated: boolean
  readonly Marker: string | undefined
  readonly sum: string | undefined
}

/** What the last read said of a group, by the marker that asked for the page. */
type Known = ReadonlyMap<string, Page>

/** The gate saw to it that id, name and ARN are there. */
export function decodeUser(user: User): SourceUser {
  return {
    id: user.UserId ?? '',
    name: user.UserName ?? '',
    arn: user.Arn ?? '',
    createdAt: user.CreateDate?.getTime() ?? 0,
  }
}

/** @param name as configured: IAM may spell it in another case, which is the same name to it */
function decodeGroup(name: string, group: Group | undefined): Page['group'] {
  return {
    id: group?.GroupId ?? '',
    name,
    arn: group?.Arn ?? '',
    createdAt: group?.CreateDate?.getTime() ?? 0,
  }
}

/** The pages of a group as the last read had them; none where it could not read the group, or a member is missing. */
function knownPages(
  name: string,
  before: SourceDirectory | undefined,
  users: ReadonlyMap<string, SourceUser>,
): Known {
  const group = before?.groups.find((each) => each.name === name)
  const known = new Map<string, Page>()
  let [at, marker] = [0, '']
  for (const { sum, count, next } of before?.pages?.[name] ?? []) {
    const ids = group?.memberIds.slice(at, at + count) ?? []
    const members = ids.flatMap((id) => users.get(id) ?? [])
    if (group === undefined || members.length !== count) return new Map()
    const { id, arn, createdAt } = group
    const own = { id, name, arn, createdAt }
    const page = { group: own, users: members, IsTruncated: next !== undefined, Marker: next, sum }
    known.set(marker, page)
    at += count
    marker = next ?? ''
  }
  return known
}

export type GroupReader = (name: string, signal: AbortSignal) => Promise<GroupRead>

async function readPage(
  client: IAMClient,
  sums: AnswerSums,
  asked: { readonly name: string; readonly marker?: string; readonly signal: AbortSignal },
  known: Known,
): Promise<Page> {
  const { name, marker, signal } = asked
  const input = {
    GroupName: name,
    MaxItems: 1_000,
    ...(marker === undefined ? {} : { Marker: marker }),
  }
  const key = keyOf('GetGroup', input)
  const before = known.get(marker ?? '')
  sums.expect(key, before?.sum ?? '')
  try {
    const answer = await client.send(new GetGroupCommand(input), { abortSignal: signal })
    return {
      group: decodeGroup(name, answer.Group),
      users: (answer.Users ?? []).map(decodeUser),
      IsTruncated: answer.IsTruncated === true,
      Marker: answer.Marker,
      sum: sums.sumOf(key),
    }
  } catch (error) {
    if (error instanceof SameAnswer && before !== undefined) return before
    throw error
  }
}

function replaced(name: string): SourceError {
  return new SourceError(
    'source_malformed',
    `reading group ${name}: it was replaced by another of that name while it was read`,
    { hint: 'the next refresh reads it again' },
  )
}

/** Of pages without a sum nothing is known again. */
function pagesToKnow(pages: readonly Page[]): Pick<GroupRead, 'pages'> {
  const known = pages.flatMap(({ sum, users, IsTruncated, Marker }): readonly GroupPage[] =>
    sum === undefined
      ? []
      : [{ sum, count: users.length, ...(IsTruncated && Marker ? { next: Marker } : {}) }],
  )
  return known.length === pages.length ? { pages: known } : {}
}

/**
 * Makes the reader of groups.
 * @param before the last read: a page with the same answer has the same members
 */
export function createGroupReader(
  client: IAMClient,
  sums: AnswerSums,
  before: SourceDirectory | undefined,
): GroupReader {
  const users = new Map(
    // Overrides are read for themselves.
    before?.users.map(
      ({ id, name, arn, createdAt }) => [id, { id, name, arn, createdAt }] as const,
    ),
  )
  return async (name, signal) => {
    const known = knownPages(name, before, users)
    const read: Page[] = []
    try {
      const pages = pagesOf({ action: 'iam:GetGroup', most: mostPages }, ({ Marker: marker }) =>
        readPage(client, sums, { name, signal, ...(marker && { marker }) }, known),
      )
      for await (const page of pages) {
        if (read[0] !== undefined && read[0].group.id !== page.group.id) throw replaced(name)
        read.push(page)
      }
    } catch (error) {
      if (isNoSuchEntity(error)) throw unknownGroup(name, error)
      throw toSourceError(error, `reading group ${name}`, {
        action: 'iam:GetGroup',
        resource: `group ${name}`,
      })
    }
    const group = read.at(-1)?.group
    const members = read.flatMap((page) => page.users)
    if (group === undefined) return { users: members }
    return {
      users: members,
      group: { ...group, memberIds: members.map(({ id }) => id) },
      ...pagesToKnow(read),
    }
  }
}

// Pages of groups that are the same as at the last read are not read again, and say the same.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SourceDirectory } from '../../src/directory/types.ts'
import { createIamSource } from '../../src/sources/iam.ts'
import type { Source } from '../../src/sources/source.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'

let server: IamServer
let source: Source
const { signal } = new AbortController()
const groups = ['developers', 'ops']

beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIATEST'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret'
  server = await startIamServer()
  server.setPageSize(2)
  for (const name of groups) server.addGroup(name)
  const options = { keyTags: true, userTags: false, mfa: false, bodies: new Map() }
  source = createIamSource({ ...options, endpoint: server.url })
})
afterEach(async () => {
  await source.close()
  await server.stop()
})

const read = (before?: SourceDirectory) =>
  source.fetchDirectory({ groups, ...(before === undefined ? {} : { before }) }, signal)

/** As if the read before had seen other names: what is read again has the right ones. */
function renamed(directory: SourceDirectory): SourceDirectory {
  const users = directory.users.map((user) => ({ ...user, name: `was-${user.name}` }))
  return { ...directory, users }
}

const namesOf = ({ users }: SourceDirectory) => users.map(({ name }) => name)

describe('a page of a group', () => {
  beforeEach(() => {
    for (const name of ['alice', 'bob', 'carol', 'dan', 'erin'])
      server.addUser(name, ['developers'])
  })

  it('is taken over from the last read where the answer is the same', async () => {
    const before = await read()
    const names = ['was-alice', 'was-bob', 'was-carol', 'was-dan', 'was-erin']
    expect(namesOf(await read(renamed(before)))).toEqual(names)
    expect(await read(before)).toEqual(before)
  })

  it('costs the same requests, whether it is read or not', async () => {
    const before = await read()
    server.resetCalls()
    await read(before)
    expect(server.calls()).toEqual({ GetGroup: 4 })
  })

  it('is read where the answer is another, beside pages that are not', async () => {
    const before = renamed(await read())
    server.addUser('frank', ['developers'])
    expect(namesOf(await read(before))).toEqual([
      ...['was-alice', 'was-bob', 'was-carol', 'was-dan', 'erin', 'frank'],
    ])
  })

  it('is read where the last read does not name all of its members', async () => {
    const before = await read()
    const users = before.users.filter(({ name }) => name !== 'bob')
    expect(namesOf(await read({ ...before, users }))).toEqual(namesOf(before))
  })

  it('is read where the last read could not read the group', async () => {
    const before = await read()
    server.setFault('GetGroup', 'denied')
    await expect(read(before)).rejects.toMatchObject({ code: 'source_denied' })
    server.setFault('GetGroup')
    const pages = { ops: before.pages?.['ops'] ?? [] }
    expect(namesOf(await read(renamed({ ...before, pages })))).toEqual(namesOf(before))
  })

  it('that is no whole answer stays a failure, whatever was there before', async () => {
    const before = await read()
    server.setFault('GetGroup', 'cut')
    await expect(read(before)).rejects.toMatchObject({ code: 'source_foreign_answer' })
  })
})

type Step =
  | readonly ['come' | 'go', string]
  | readonly ['rename', string, string]
  | readonly ['join' | 'leave', string, string]

const name = fc.constantFrom('alice', 'bob', 'carol', 'dan', 'erin')
const group = fc.constantFrom(...groups)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom('come' as const, 'go' as const), name),
  fc.tuple(fc.constant('rename' as const), name, name),
  fc.tuple(fc.constantFrom('join' as const, 'leave' as const), name, group),
)

/** What cannot be done, as to rename a user who is not there, changes nothing. */
function take([kind, user, other = '']: Step): void {
  try {
    if (kind === 'come') server.addUser(user, [groups[0] ?? ''])
    else if (kind === 'go') server.deleteUser(user)
    else if (kind === 'rename') server.renameUser(user, other)
    else if (kind === 'join') server.addToGroup(user, other)
    else server.removeFromGroup(user, other)
  } catch {
    // The server says no.
  }
}

describe('a directory read after another', () => {
  it('is the one that a first read would give, whatever changed in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 5 }),
        async (turns) => {
          let before: SourceDirectory | undefined
          for (const steps of turns) {
            for (const each of steps) take(each)
            const now = await read(before)
            expect(now).toEqual(await read())
            before = now
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})

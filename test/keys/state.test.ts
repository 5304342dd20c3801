// keys.json and keys.db on disk: which of two opens more, so that a stale one is not left there, and what
// a resolver that starts gets back of either.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { SourceKey } from '../../src/directory/types.ts'
import { nothingPublished } from '../../src/keys/published.ts'
import {
  createKeysFile,
  peopleOf,
  savesMore,
  shutPeople,
  type SavedCredentials,
} from '../../src/keys/state.ts'
import { silentLog } from '../../src/platform/log.ts'
import { buildDirectory } from '../../src/directory/build.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const [alice, bob] = [aUser({ name: 'alice' }), aUser({ name: 'bob' })]
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** A state directory, on a disk that can be full: root may write anywhere, so that modes prove nothing. */
function aFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  folders.push(folder)
  const clock = aClock()
  const path = (name: string): string => join(folder, name)
  return {
    clock,
    path,
    fileOf: (origin: string) => createKeysFile(folder, origin, { clock, log: silentLog }),
    /** No temporary file of `name` can be made; removing works. */
    fillDisk: (name: string) => mkdir(`${path(name)}.new/occupied`, { recursive: true }),
    freeDisk: (name: string) => rm(`${path(name)}.new`, { recursive: true }),
  }
}

describe('savesMore', () => {
  const fileOf = (...people: readonly object[]): Buffer =>
    Buffer.from(JSON.stringify({ version: 1, people }))
  const person = (id: string, ids: readonly string[], more: object = {}, mfa: object = {}) => {
    const keys = ids.map((each) => ({
      ...{ id: each, origin: 'iam', body: `ssh-ed25519 ${each}` },
      ...more,
    }))
    return { id, fetchedAt: 1, credentials: { ...mfa, keys } }
  }
  const nobody = fileOf()
  const keys = (ids: readonly string[], mfa?: boolean, more: Partial<SourceKey> = {}): Buffer =>
    fileOf(person(alice.id, ids, more, mfa === undefined ? {} : { mfa }))
  const two = (ofAlice: readonly string[], ofBob: readonly string[]): Buffer =>
    fileOf(person(alice.id, ofAlice), person(bob.id, ofBob))
  const devices = (alices: boolean, bobs: boolean): Buffer =>
    fileOf(person(alice.id, ['a'], {}, { mfa: alices }), person(bob.id, ['b'], {}, { mfa: bobs }))
  const anotherVersion = Buffer.from(
    JSON.stringify({ version: 2, people: [person(alice.id, ['a'])] }),
  )
  it.each([
    ['the same', keys(['a']), keys(['a']), false],
    ['a key that is gone', keys(['a', 'b']), keys(['a']), true],
    ['a key that came', keys(['a']), keys(['a', 'b']), false],
    ['an MFA device that is gone', keys(['a'], true), keys(['a'], false), true],
    ['a key that is inactive now', keys(['a']), keys(['a'], undefined, { inactive: true }), true],
    ['a damaged file', keys(['a', 'b']).subarray(0, 60), keys(['a']), false],
    ['a person who came with a key', nobody, keys(['a']), false],
    ['a person whose first reading had no key', nobody, keys([]), true],
    ['one whose first key is inactive', nobody, keys(['a'], true, { inactive: true }), true],
    ['one who had no key before', keys([]), keys([]), false],
    ['a key with another body', keys(['a'], undefined, { body: 'ssh-rsa a' }), keys(['a']), true],
    ['an MFA device that came', keys(['a'], false), keys(['a'], true), false],
    ['an MFA device of which nothing is known now', keys(['a'], true), keys(['a']), true],
    ['a key that is active now', keys(['a'], undefined, { inactive: true }), keys(['a']), false],
    ['an MFA device of one of two', devices(true, true), devices(true, false), true],
    ['a person who is gone', keys(['a']), nobody, true],
    ['a person without keys who is gone', keys([]), nobody, false],
    ['one of two people who lost the key', two(['a'], ['b']), two(['a'], []), true],
    ['a key that another person has now', two(['a'], ['b']), two(['b'], ['a']), true],
    ['one of two who never had a key', keys(['a']), two(['a'], []), true],
    ['a file of another version', anotherVersion, nobody, false],
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(savesMore(onDisk, wanted)).toBe(expected)
  })
})

describe('keys.json', () => {
  const key: SourceKey = { id: 'APKA1', origin: 'iam', body: 'ssh-ed25519 AAAA' }
  const people: readonly SavedCredentials[] = [
    {
      id: alice.id,
      fetchedAt: 5,
      credentials: {
        keys: [
          { ...key, uploadedAt: 3 },
          { ...key, id: 'APKA2', inactive: true },
        ],
        mfa: true,
      },
    },
    {
      id: 'AIDAcarol',
      fetchedAt: 6,
      credentials: {
        keys: [
          { ...key, id: 'tag:iamlogin:ssh-key', origin: 'tag' },
          { ...key, id: 'file:1', origin: 'file' },
        ],
        unread: [
          { part: 'uploads', code: 'source_denied', message: 'm', hint: 'h' },
          { part: 'mfa', code: 'source_denied', message: 'm', hint: 'h', lastReadAt: 4 },
          { part: 'tags', code: 'source_denied', message: 'm', hint: 'h', lastReadAt: 4 },
        ],
      },
    },
    { id: bob.id, fetchedAt: 5, credentials: { keys: [] }, isUnsure: true },
  ]

  it('comes back as it was saved, and nothing of it by another source', async () => {
    const { fileOf } = aFolder()
    await fileOf('iam').save(() => people)
    expect(await fileOf('iam').load()).toEqual(people)
    expect(await fileOf('file /a').load()).toEqual([])
  })

  it('is nothing where there is no file', async () => {
    expect(await aFolder().fileOf('iam').load()).toBeUndefined()
  })

  it('serves any source where an older version wrote it, which names none', async () => {
    const { fileOf, path } = aFolder()
    await writeFile(path('keys.json'), JSON.stringify({ version: 1, people }))
    expect(await fileOf('iam').load()).toEqual(people)
    expect(await fileOf('file /a').load()).toEqual(people)
  })

  it('is for root alone, and holds of a person what a next run can use', async () => {
    const { fileOf, path } = aFolder()
    const [person] = people
    const moment = { wall: 5, monotonic: 1, isSaved: false }
    await fileOf('iam').save(() =>
      person === undefined ? [] : [{ ...person, read: moment, partsRead: new Map() }],
    )
    expect(statSync(path('keys.json')).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(path('keys.json'), 'utf8'))).toEqual({
      ...{ version: 1, origin: 'iam' },
      people: [person],
    })
  })

  type Fields = Partial<Record<'person' | 'credentials' | 'key' | 'part', object>>
  /** A file of one person, some fields of which are other ones. */
  const saved = (fields: Fields) => ({
    ...{ version: 1, origin: 'iam' },
    people: [
      {
        ...{ id: alice.id, fetchedAt: 5, ...fields.person },
        credentials: {
          keys: [{ ...key, ...fields.key }],
          unread: [{ part: 'mfa', code: 'c', message: 'm', hint: 'h', ...fields.part }],
          ...fields.credentials,
        },
      },
    ],
  })
  it.each<readonly [string, unknown]>([
    ['a list', []],
    ['another version', { version: 2, people: [] }],
    ['no version', { people: [] }],
    ['no people', { version: 1 }],
    ['an origin that is no text', { version: 1, origin: 1, people: [] }],
    ['a person that is no object', { version: 1, people: ['AIDAalice'] }],
    ['a person without an id', saved({ person: { id: undefined } })],
    ['a time that is no number', saved({ person: { fetchedAt: '5' } })],
    ['a doubt that is none', saved({ person: { isUnsure: false } })],
    ['a person without keys', saved({ credentials: { keys: undefined } })],
    ['an MFA device that is neither there nor not', saved({ credentials: { mfa: 'yes' } })],
    ['a key without an id', saved({ key: { id: undefined } })],
    ['a key of an unknown origin', saved({ key: { origin: 'ldap' } })],
    ['a key without a body', saved({ key: { body: undefined } })],
    ['a key whose upload has no number', saved({ key: { uploadedAt: 'today' } })],
    ['a key that is inactive in part', saved({ key: { inactive: 'maybe' } })],
    ['an unread part that there is not', saved({ part: { part: 'groups' } })],
    ['an unread part without a code', saved({ part: { code: undefined } })],
    ['an unread part without a message', saved({ part: { message: undefined } })],
    ['an unread part without a hint', saved({ part: { hint: undefined } })],
    ['an unread part whose last reading has no number', saved({ part: { lastReadAt: 'never' } })],
  ])('is set aside as damaged where it has %s', async (_what, content) => {
    const { fileOf, path } = aFolder()
    await writeFile(path('keys.json'), JSON.stringify(saved({})))
    expect(await fileOf('iam').load()).toHaveLength(1)
    await writeFile(path('keys.json'), JSON.stringify(content))
    await expect(fileOf('iam').load()).rejects.toMatchObject({
      code: 'format_state',
      message: expect.stringContaining(path('keys.json')) as string,
      hint: expect.stringContaining(`${path('keys.json')}.damaged`) as string,
      cause: expect.anything() as unknown,
    })
    expect(JSON.parse(readFileSync(`${path('keys.json')}.damaged`, 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(content)),
    )
    expect(await fileOf('iam').load()).toBeUndefined()
  })

  it('is set aside where it is cut short', async () => {
    const { fileOf, path } = aFolder()
    await writeFile(path('keys.json'), '{"version":1,"peo')
    await expect(fileOf('iam').load()).rejects.toMatchObject({ code: 'format_state' })
    expect(readFileSync(`${path('keys.json')}.damaged`, 'utf8')).toBe('{"version":1,"peo')
    expect(existsSync(path('keys.json'))).toBe(false)
  })

  it('is taken away on a full disk where it opens what was taken away, and stays where not', async () => {
    const { fileOf, path, fillDisk } = aFolder()
    const file = fileOf('iam')
    const [person] = people
    await file.save(() => (person === undefined ? [] : [person]))
    await fillDisk('keys.json')
    await file.save(() => people.slice(0, 2))
    expect(await file.load()).toEqual([person])
    await file.save(() => [])
    expect(existsSync(path('keys.json'))).toBe(false)
    expect(file.files.map((each) => each.owed()?.onDisk)).toEqual(['none', undefined])
  })

  it('has at a later try what is known then', async () => {
    const { fileOf, freeDisk, fillDisk, clock } = aFolder()
    const file = fileOf('iam')
    let known = people
    await fillDisk('keys.json')
    await file.save(() => known)
    known = people.slice(1)
    await freeDisk('keys.json')
    await clock.advance(60_000)
    await Promise.all(file.files.map((each) => each.idle()))
    expect(await file.load()).toEqual(people.slice(1))
  })
})

/** A keys.db of alice and bob, and of ec2-user, which bob and an outsider share. */
const vector = (name: string): Buffer =>
  Buffer.from(
    readFileSync(join(import.meta.dirname, `../vectors/${name}.hex`), 'utf8').replace(/\s/g, ''),
    'hex',
  )

describe('keys.db', () => {
  const nobody = () => undefined
  /** Milliseconds since the epoch: until then the keys of the vector keys-db-expired served. */
  const until = 1_700_000_000_000

  it('is for root alone, and holds the bytes that are put there', async () => {
    const { fileOf, path } = aFolder()
    const file = fileOf('iam')
    await file.publish(() => Promise.resolve(vector('keys-db-lasting')))
    expect(readFileSync(path('keys.db'))).toEqual(vector('keys-db-lasting'))
    expect(statSync(path('keys.db')).mode & 0o777).toBe(0o600)
    expect(file.files.map(({ name }) => name)).toEqual(['keys.json', 'keys.db'])
  })

  it('is taken away on a full disk where it opens what was taken away, and stays where not', async () => {
    const { fileOf, path, fillDisk } = aFolder()
    const [file, bytes] = [fileOf('iam'), vector('keys-db-lasting')]
    await file.publish(() => Promise.resolve(bytes))
    await fillDisk('keys.db')
    await file.publish(() => Promise.resolve(bytes))
    expect(readFileSync(path('keys.db'))).toEqual(bytes)
    const written = { now: until, bootTime: undefined }
    await file.publish(() => Promise.resolve(nothingPublished(written)))
    expect(existsSync(path('keys.db'))).toBe(false)
    expect(file.files.map((each) => each.owed()?.onDisk)).toEqual([undefined, 'none'])
  })

  it('gives people back, read source.offline before their keys end', async () => {
    const { fileOf, path } = aFolder()
    await writeFile(path('keys.db'), vector('keys-db-expired'))
    utimesSync(path('keys.db'), until, until / 1000 + 60)
    const salvaged = await fileOf('iam').salvage(10_000, nobody)
    expect(salvaged).toMatchObject([
      {
        id: alice.id,
        fetchedAt: until - 10_000,
        credentials: {
          keys: [
            { id: 'APKA0', origin: 'iam' },
            { id: 'tag:iamlogin:ssh-key', origin: 'tag' },
          ],
        },
      },
      { id: bob.id, fetchedAt: until - 10_000, credentials: { keys: [{ id: 'APKAbob' }] } },
      { id: 'AIDAoutsider', credentials: { keys: [{ id: 'APKAoutsider' }] } },
    ])
  })

  it('gives people back as read when the file was written, where their keys end later', async () => {
    const { fileOf, path } = aFolder()
    await writeFile(path('keys.db'), vector('keys-db-lasting'))
    utimesSync(path('keys.db'), 1_600_000_000, 1_600_000_000.75)
    const salvaged = await fileOf('iam').salvage(10_000, nobody)
    expect(salvaged?.map(({ fetchedAt }) => fetchedAt)).toEqual(
      Array.from({ length: 3 }, () => 1_600_000_000_750),
    )
  })

  it('gives nothing back where it is missing or damaged', async () => {
    const { fileOf, path } = aFolder()
    expect(await fileOf('iam').salvage(10_000, nobody)).toBeUndefined()
    await writeFile(path('keys.db'), vector('keys-db-lasting').subarray(0, 200))
    expect(await fileOf('iam').salvage(10_000, nobody)).toBeUndefined()
  })
})

describe('peopleOf', () => {
  const owner = { name: 'alice', id: 'AIDAalice', arn: 'arn' }
  const keyOf = (id: string, until: number) => ({ until, line: `t b${id} c`, id, owner })
  const noOne = () => undefined

  it('gives each person their keys once, no younger than the file', () => {
    const known = [
      { account: 'alice', uid: 1, kind: 0, keys: [keyOf('APKA1', 150), keyOf('tag:x', 150)] },
      { account: 'ec2-user', uid: 2, kind: 1, keys: [keyOf('APKA1', 150)] },
    ]
    const credentials = {
      keys: [
        { id: 'APKA1', origin: 'iam', body: 't bAPKA1' },
        { id: 'tag:x', origin: 'tag', body: 't btag:x' },
      ],
    }
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, noOne)).toEqual([
      { id: 'AIDAalice', fetchedAt: 50, credentials },
    ])
    expect(peopleOf(known, { offlineMs: 10, notAfter: 60 }, noOne)).toMatchObject([
      { fetchedAt: 60 },
    ])
  })

  it.each([
    ['APKA1', 'iam'],
    ['tag:iamlogin:ssh-key:2', 'tag'],
    ['file:2', 'file'],
    ['APKAtag:', 'iam'],
    ['profile:1', 'iam'],
  ])('tells by the id %s that the key is from %s', (id, origin) => {
    const known = [{ account: 'alice', uid: 1, kind: 0, keys: [keyOf(id, 150)] }]
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, noOne)).toMatchObject([
      { credentials: { keys: [{ id, origin }] } },
    ])
  })

  it('takes the earliest reading of which the keys of a person tell', () => {
    const records = (untils: readonly number[]) => [
      {
        ...{ account: 'alice', uid: 1, kind: 0 },
        keys: untils.map((until, at) => keyOf(`APKA${at}`, until)),
      },
    ]
    const times = { offlineMs: 100, notAfter: 1_000 }
    for (const untils of [
      [150, 170],
      [170, 150],
    ])
      expect(peopleOf(records(untils), times, noOne)).toMatchObject([
        { fetchedAt: 50, credentials: { keys: [{ id: 'APKA0' }, { id: 'APKA1' }] } },
      ])
  })

  it('goes by the uid of a record only where no key names its owner', () => {
    const known = [{ account: 'alice', uid: 1, kind: 0, keys: [keyOf('APKA1', 150)] }]
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, () => 'AIDAother')).toMatchObject([
      { id: 'AIDAalice' },
    ])
  })

  it('gives the keys by which a person opens a shared account alone', () => {
    const bobs = { ...keyOf('APKA2', 150), owner: { name: 'bob', id: 'AIDAbob', arn: 'arn' } }
    const known = [{ account: 'ec2-user', uid: 2, kind: 1, keys: [keyOf('APKA1', 150), bobs] }]
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, () => 'AIDAother')).toMatchObject([
      { id: 'AIDAalice', credentials: { keys: [{ id: 'APKA1' }] } },
      { id: 'AIDAbob', credentials: { keys: [{ id: 'APKA2' }] } },
    ])
  })

  it('gives people who may not enter no key, whose uid tells who they are', () => {
    const known = [
      { account: 'alice', uid: 1, kind: 0, keys: [] },
      { account: 'gone', uid: 3, kind: 0, keys: [] },
      { account: 'ec2-user', uid: 2, kind: 1, keys: [] },
    ]
    const ids = new Map([
      [1, 'AIDAalice'],
      [2, 'AIDAother'],
    ])
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, (uid) => ids.get(uid))).toEqual([
      { id: 'AIDAalice', fetchedAt: 1_000, credentials: { keys: [] }, isUnsure: true },
    ])
  })
})

describe('shutPeople', () => {
  it('gives everybody of the directory no key, and is sure of no person', () => {
    const source = aSource([alice, bob], { developers: ['alice', 'bob'] })
    const shut = { fetchedAt: 7, credentials: { keys: [] }, isUnsure: true }
    const rules = someRules()
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    expect(shutPeople(viewOf(directory), 7)).toEqual([
      { id: alice.id, ...shut },
      { id: bob.id, ...shut },
    ])
  })
})

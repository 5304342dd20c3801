// directory.json and keys.json: which of two grants more, so that a stale one is not left on disk.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { indexDirectory } from '../../src/directory/lookup.ts'
import { finish, type Steps } from '../../src/directory/steps.ts'
import type { Directory, Pins, SourceDirectory, SourceKey } from '../../src/directory/types.ts'
import { createKeysFile, peopleOf, savesMore } from '../../src/keys/state.ts'
import { silentLog } from '../../src/platform/log.ts'
import { salvageDirectory } from '../../src/refresh/salvage.ts'
import { createStateFile, saysMore, stateSteps } from '../../src/refresh/state.ts'
import { decodeSteps } from '../../src/snapshot/decode.ts'
import { encodeSnapshot } from '../../src/snapshot/format.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

const spell = (source: SourceDirectory, readAt = 1): Buffer =>
  Buffer.from(finish(stateSteps({ readAt, pins: noPins, source })))
const [alice, bob] = [aUser({ name: 'alice' }), aUser({ name: 'bob' })]

describe('saysMore', () => {
  const both = aSource([alice, bob])
  it.each([
    ['the same, read later', both, both, false],
    ['a user who is gone', both, aSource([alice]), true],
    ['a user who came', aSource([alice]), both, false],
    ['a membership that ended', both, aSource([alice, bob], { developers: ['alice'] }), true],
    ['another name', both, aSource([alice, { ...bob, name: 'robert' }]), true],
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(saysMore(spell(onDisk), spell(wanted, 2))).toBe(expected)
  })

  it('of a damaged file', () => {
    expect(saysMore(spell(both).subarray(0, 100), spell(aSource([alice])))).toBe(false)
  })
})

describe('savesMore', () => {
  const nobody = Buffer.from(JSON.stringify({ version: 1, people: [] }))
  const keys = (ids: readonly string[], mfa?: boolean, more: Partial<SourceKey> = {}): Buffer =>
    Buffer.from(
      JSON.stringify({
        version: 1,
        people: [
          {
            id: 'AIDAalice',
            fetchedAt: 1,
            credentials: {
              ...(mfa === undefined ? {} : { mfa }),
              keys: ids.map((id) => ({ id, origin: 'iam', body: `ssh-ed25519 ${id}`, ...more })),
            },
          },
        ],
      }),
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
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(savesMore(onDisk, wanted)).toBe(expected)
  })
})

describe('state files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })
  const deps = {
    clock: aClock(),
    log: silentLog,
    work: <T>(steps: Steps<T>) => Promise.resolve(finish(steps)),
  }
  const stateOf = (origin: string) => createStateFile(folder, origin, deps)
  const keysOf = (origin: string) => createKeysFile(folder, origin, deps)
  const pins = { uids: { AIDAalice: 1_900_000_001 }, gids: {} }
  const key: SourceKey = { id: 'APKA1', origin: 'iam', body: 'ssh-ed25519 AAAA' }
  const off: SourceKey = { ...key, id: 'APKA2', inactive: true }
  const people = [
    { id: alice.id, fetchedAt: 5, credentials: { keys: [key, off], mfa: true } },
    { id: bob.id, fetchedAt: 5, credentials: { keys: [] }, isUnsure: true as const },
  ]

  it('come back as they were saved, and by another source the given ids alone', async () => {
    const reason = { code: 'source_denied', message: 'm', hint: 'h' }
    const unreadOverrides = { reason, keptIds: [alice.id], unknownIds: [bob.id] }
    const saved = { readAt: 7, pins, source: { ...aSource([alice, bob]), unreadOverrides } }
    await stateOf('iam').save(saved)
    await keysOf('iam').save(() => people)
    expect(await stateOf('iam').load()).toEqual({ pins, saved })
    expect(await keysOf('iam').load()).toEqual(people)
    expect(await stateOf('file /a').load()).toEqual({ pins, saved: undefined })
    expect(await keysOf('file /a').load()).toEqual([])
  })

  it.each(['directory.json', 'keys.json'])('set a damaged %s aside', async (name) => {
    const path = join(folder, name)
    writeFileSync(path, '{"version":1,"read')
    const load = name === 'keys.json' ? keysOf('iam').load() : stateOf('iam').load()
    await expect(load).rejects.toMatchObject({ code: 'format_state' })
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe('{"version":1,"read')
    expect(existsSync(path)).toBe(false)
  })
})

describe('peopleOf', () => {
  it('gives each person their keys once, no younger than the file', () => {
    const owner = { name: 'alice', id: 'AIDAalice', arn: 'arn' }
    const keyOf = (id: string, until: number) => ({ until, line: `t b${id} c`, id, owner })
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
    const noOne = () => undefined
    expect(peopleOf(known, { offlineMs: 100, notAfter: 1_000 }, noOne)).toEqual([
      { id: 'AIDAalice', fetchedAt: 50, credentials },
    ])
    expect(peopleOf(known, { offlineMs: 10, notAfter: 60 }, noOne)).toMatchObject([
      { fetchedAt: 60 },
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

describe('salvageDirectory', () => {
  const rules = someRules({ groups: ['Developers', 'Absent'], sudoGroups: ['ops'] })
  const users = [
    aUser({ name: 'Alice', id: 'AIDA1', createdAt: 5 }),
    aUser({
      name: 'bob',
      id: 'AIDA2',
      createdAt: 9,
      overrides: { dir: '/home/robert', gecos: 'Robert' },
    }),
    aUser({ name: 'carol', id: 'AIDA3', createdAt: 7 }),
  ]
  const groups = { Developers: ['Alice', 'bob', 'carol'], ops: ['bob'] }
  const build = (source: SourceDirectory, given: Pins) =>
    buildDirectory({ source, rules, local: noLocal, pins: given })
  const published = (directory: Directory): Buffer => {
    const times = { generation: 1, readAt: 77, offlineMs: 1 }
    const index = indexDirectory(directory)
    return encodeSnapshot({ directory, index, ids: rules.ids, strangers: [], ...times })
  }

  it('gives back the same directory from the bytes of directory.db', () => {
    const before = build(aSource(users, groups), { uids: { AIDA3: 1_888_888_888 }, gids: {} })
    const saved = salvageDirectory(finish(decodeSteps(published(before))), rules)
    expect(saved.readAt).toBe(77)
    const after = build(saved.source, saved.pins)
    const shown = ({ accounts, groups: all }: Directory) => ({
      groups: all,
      accounts: accounts.map(({ passwd, user: { id, name, arn } }) => ({ passwd, id, name, arn })),
    })
    expect(shown(after)).toEqual(shown(before))
  })

  it('lets nobody in whom the rules of now do not', () => {
    const before = build(aSource(users, groups), noPins)
    const content = finish(decodeSteps(published(before)))
    const narrower = { ...rules, groups: ['Absent'], sudoGroups: [] }
    const saved = salvageDirectory(content, narrower)
    const after = buildDirectory({ ...saved, rules: narrower, local: noLocal })
    expect(after.accounts).toEqual([])
  })
})

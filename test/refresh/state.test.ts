// directory.json: which of two grants more, so that a stale one is not left on disk.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import type { Directory, Pins, SourceDirectory } from '../../src/directory/types.ts'
import { salvageDirectory } from '../../src/refresh/salvage.ts'
import { loadState } from '../../src/refresh/load-state.ts'
import { decodeState, encodeState, saysMore } from '../../src/refresh/state.ts'
import { decodeSnapshot } from '../../src/snapshot/decode.ts'
import { encodeSnapshot } from '../../src/snapshot/format.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

const spell = (source: SourceDirectory, readAt = 1): Buffer =>
  encodeState({ readAt, pins: noPins, source }, 'iam')
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

describe('directory.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })
  const pins = { uids: { AIDAalice: 1_900_000_001 }, gids: {} }

  it('comes back as it was saved, and by another source the given ids alone', () => {
    const reason = { code: 'source_denied', message: 'm', hint: 'h' }
    const unreadOverrides = { reason, keptIds: [alice.id], unknownIds: [bob.id] }
    const saved = { readAt: 7, pins, source: { ...aSource([alice, bob]), unreadOverrides } }
    const bytes = encodeState(saved, 'iam')
    expect(decodeState(bytes, 'iam')).toMatchObject({ pins, saved })
    expect(decodeState(bytes, 'file /a')).toEqual({ pins, saved: undefined })
  })

  it('is set aside where it is damaged', async () => {
    const path = join(folder, 'directory.json')
    writeFileSync(path, '{"version":1,"read')
    await expect(loadState(readFileSync(path), 'iam', folder)).rejects.toMatchObject({
      code: 'format_state',
    })
    expect(readFileSync(`${path}.damaged`, 'utf8')).toBe('{"version":1,"read')
    expect(existsSync(path)).toBe(false)
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
    return encodeSnapshot({ directory, ids: rules.ids, localNames: [], ...times })
  }

  it('gives back the same directory from the bytes of directory.db', () => {
    const before = build(aSource(users, groups), { uids: { AIDA3: 1_888_888_888 }, gids: {} })
    const saved = salvageDirectory(decodeSnapshot(published(before)), rules)
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
    const content = decodeSnapshot(published(before))
    const narrower = { ...rules, groups: ['Absent'], sudoGroups: [] }
    const saved = salvageDirectory(content, narrower)
    const after = buildDirectory({ ...saved, rules: narrower, local: noLocal })
    expect(after.accounts).toEqual([])
  })
})

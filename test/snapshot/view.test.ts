// The resolver's own reader of directory.db: what it finds is what the writer was given, and a damaged
// file is never another answer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import type { Directory } from '../../src/directory/types.ts'
import { FormatError } from '../../src/errors.ts'
import { encodeSnapshot, headerSize, probesMax } from '../../src/snapshot/format.ts'
import { sumOf } from '../../src/snapshot/sum.ts'
import { openView, type DirectoryView } from '../../src/snapshot/view.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

const localNames = ['root', 'postgres']

function directoryOf(names: readonly string[], ops: readonly string[] = []): Directory {
  const rules = someRules({ groups: ['developers', 'ops'], sudoGroups: ['ops'] })
  const users = names.map((name, index) => aUser({ name, createdAt: 1_700_000_000_000 + index }))
  const source = aSource(users, { developers: names, ops })
  return buildDirectory({ source, rules, local: noLocal, pins: noPins })
}

function encode(directory: Directory, names: readonly string[] = localNames): Buffer {
  return encodeSnapshot({
    directory,
    generation: 7,
    readAt: 1_700_000_000_000,
    ids: someRules().ids,
    localNames: names,
    offlineMs: 1,
  })
}

function vector(name: string): Buffer {
  const hex = readFileSync(join(import.meta.dirname, `../vectors/${name}.hex`), 'utf8')
  return Buffer.from(hex.replace(/\s/g, ''), 'hex')
}

/** Everything that a view says of a name and of an id. */
function answers(view: DirectoryView, name: string, id: number): readonly unknown[] {
  const { accountByName, accountByUid, groupByName, groupByGid, initgroups, isLocalName } = view
  const calls = [
    () => accountByName(name),
    () => accountByUid(id),
    () => groupByName(name),
    () => groupByGid(id),
    () => initgroups(name),
    () => isLocalName(name),
  ]
  return calls.map((call) => {
    try {
      return call()
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
      return 'damaged'
    }
  })
}

const aName = fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/)
const someNames = fc.uniqueArray(aName, { maxLength: 40 })

describe('openView', () => {
  it('finds in the vector what the C reader finds', () => {
    const view = openView(vector('directory-db'))
    expect(view.accountByName('alice')).toMatchObject({
      passwd: { name: 'alice', dir: '/home/alice', shell: '/bin/bash' },
      user: { id: 'AIDAalice', name: 'alice', createdAt: 1 },
    })
    expect(view.groupByName('iamlogin-sudo')?.members).toEqual(['alice', 'bob', 'carol'])
    expect(view.accountByName('dave')).toBeUndefined()
    expect(view.isLocalName('postgres')).toBe(true)
    expect(view.isLocalName('alice')).toBe(false)
  })

  it('finds all that the directory has, by every key, and nothing else', () => {
    fc.assert(
      fc.property(someNames, someNames, aName, (names, others, another) => {
        const directory = directoryOf(names, others.length === 0 ? [] : names.slice(0, 3))
        const gidsOf = (user: string, first: number): readonly number[] => [
          first,
          ...directory.groups.filter(({ members }) => members.includes(user)).map(({ gid }) => gid),
        ]
        const view = openView(encode(directory))
        expect([view.userCount, view.groupCount]).toEqual([
          directory.accounts.length,
          directory.groups.length,
        ])
        for (const [at, account] of directory.accounts.entries()) {
          const { name, uid } = account.passwd
          expect(view.accountByName(name)).toMatchObject(account)
          expect(view.accountByUid(uid)).toMatchObject(account)
          expect(view.account(at)).toMatchObject(account)
          expect(view.initgroups(name)).toEqual(gidsOf(name, account.passwd.gid))
        }
        for (const [at, group] of directory.groups.entries()) {
          expect(view.groupByName(group.name)).toEqual(group)
          expect(view.groupByGid(group.gid)).toEqual(group)
          expect(view.group(at)).toEqual(group)
        }
        for (const name of [...others, another]) {
          const { accounts, groups } = directory
          const account = accounts.find(({ passwd }) => passwd.name === name)
          expect(view.accountByName(name)?.passwd).toEqual(account?.passwd)
          expect(view.groupByName(name)).toEqual(groups.find((group) => group.name === name))
        }
        expect(view.account(directory.accounts.length)).toBeUndefined()
        expect(view.group(directory.groups.length)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('keeps the name in IAM, the ARN and the date of a person whose Linux name is another', () => {
    const rules = someRules({ stripDomains: ['example.com'] })
    const user = aUser({
      name: 'Alice@example.com',
      id: 'AIDAALICE',
      arn: 'arn:aws:iam::123456789012:user/dev/Alice@example.com',
      createdAt: -5,
    })
    const source = aSource([user])
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    expect(openView(encode(directory)).accountByName('alice')?.user).toEqual(user)
  })

  it('takes the name of a record that ends after the ARN from the ARN', () => {
    const bytes = encode(directoryOf(['alice']))
    const list = bytes.readUInt32LE(96)
    const record = bytes.readUInt32LE(list)
    const length = bytes.readUInt32LE(record + 4)
    // The name ("alice" with its length) and the date are its last fifteen bytes.
    bytes.writeUInt32LE(length - 15, record + 4)
    bytes.writeUInt32LE(sumOf(bytes, record + 4, record + 8 + length - 15), record)
    expect(openView(bytes).accountByName('alice')?.user).toMatchObject({
      id: 'AIDAalice',
      name: 'alice',
      createdAt: 0,
    })
  })

  it('gives the truth or an error, whichever bit is flipped and wherever it is cut', () => {
    const bytes = encode(directoryOf(['alice', 'bob'], ['bob']))
    const view = openView(bytes)
    const uid = view.accountByName('alice')?.passwd.uid ?? 0
    const asked = ['alice', 'bob', 'ops', 'root', 'dave'] as const
    const truth = asked.map((name) => answers(view, name, uid))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      let damagedView: DirectoryView
      try {
        damagedView = openView(flipped)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        continue
      }
      for (const [each, name] of asked.entries())
        for (const [call, answer] of answers(damagedView, name, uid).entries()) {
          // A slot that lost its record says that there is none: absence is no other id.
          const isNone = answer === 'damaged' || answer === undefined || answer === false
          if (!isNone) expect(answer).toEqual(truth[each]?.[call])
        }
    }
    for (let size = 0; size < bytes.length; size++)
      expect(() => openView(bytes.subarray(0, size))).toThrow(FormatError)
  })

  it('ends a lookup in a table that names with one hash filled up', () => {
    const bytes = encode(directoryOf(['alice']))
    const key = Buffer.from('alice')
    const [offset, slots] = [bytes.readUInt32LE(56), bytes.readUInt32LE(60)]
    const record = bytes.readUInt32LE(bytes.readUInt32LE(96))
    const other = sumOf(Buffer.from('dave'), 0, 4)
    for (let slot = 0; slot < slots; slot++) {
      bytes.writeUInt32LE(other + 1, offset + slot * 8)
      bytes.writeUInt32LE(record, offset + slot * 8 + 4)
    }
    expect(slots).toBeLessThan(probesMax)
    const view = openView(bytes)
    expect(() => view.accountByName('dave')).toThrow(FormatError)
    // A slot with the hash of a name that leads to another one's record.
    bytes.writeUInt32LE(other, offset + (other & (slots - 1)) * 8)
    expect(() => view.accountByName('dave')).toThrow(FormatError)
    expect(sumOf(key, 0, key.length)).not.toBe(other)
    expect(bytes.length).toBeGreaterThan(headerSize)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffSteps, sameSourceSteps } from '../../src/directory/diff.ts'
import { buildDirectory } from '../../src/directory/build.ts'
import { finish, sortSteps } from '../../src/directory/steps.ts'
import type { SourceDirectory, SourceUser } from '../../src/directory/types.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { pausesOf } from '../support/steps.ts'

describe('sortSteps', () => {
  it('sorts as toSorted does, stable', () => {
    const item = fc.record({ key: fc.integer({ min: 0, max: 9 }), tag: fc.integer() })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 3_000, size: 'max' }), (items) => {
        const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key
        expect(finish(sortSteps(items, compare))).toEqual(items.toSorted(compare))
      }),
      { numRuns: 30 },
    )
  })

  it('pauses often enough that nobody waits long', () => {
    const items = Array.from({ length: 50_000 }, (_, index) => (index * 7919) % 50_000)
    expect(pausesOf(sortSteps(items, (a, b) => a - b))).toBeGreaterThan(1_000)
  })
})

describe('diffSteps', () => {
  const build = (users: readonly SourceUser[]) =>
    buildDirectory({ source: aSource(users), rules: someRules(), local: noLocal, pins: noPins })

  it('names who came, who went, and who changed the name', () => {
    const before = build(['alice', 'bob', 'carol'].map((name) => aUser({ name })))
    const after = build([
      aUser({ name: 'alice' }),
      aUser({ name: 'robert', id: 'AIDAbob' }),
      aUser({ name: 'dave' }),
    ])
    const { added, removed, renamed } = finish(diffSteps(before, after))
    expect(added.map(({ passwd }) => passwd.name).toSorted()).toEqual(['dave'])
    expect(removed.map(({ passwd }) => passwd.name).toSorted()).toEqual(['carol'])
    expect(renamed.map(({ account, name }) => [name, account.passwd.name])).toEqual([
      ['bob', 'robert'],
    ])
  })
})

describe('sameSourceSteps', () => {
  const source = aSource([aUser({ name: 'alice' }), aUser({ name: 'bob' })])
  const same = (other: SourceDirectory) => finish(sameSourceSteps(source, other))
  const [alice = aUser({ name: 'alice' })] = source.users

  it('knows a read that says the same', () => {
    expect(same(structuredClone(source))).toBe(true)
  })

  it.each<[string, SourceDirectory]>([
    ['a user less', { ...source, users: [alice] }],
    ['another ARN', { ...source, users: source.users.map((user) => ({ ...user, arn: 'x' })) }],
    [
      'an override',
      { ...source, users: source.users.map((user) => ({ ...user, overrides: { uid: 2e9 } })) },
    ],
    ['other members', { ...source, groups: aSource([alice]).groups }],
    [
      'members of the same number',
      { ...source, groups: source.groups.map((group) => ({ ...group, memberIds: ['a', 'b'] })) },
    ],
    ['another extent', { ...source, complete: true }],
  ])('sees %s', (_what, other) => {
    expect(same(other)).toBe(false)
  })
})

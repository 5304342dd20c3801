// Which groups a read asks for, and which people they name.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { membersOf, queriedGroups, sharedPeople } from '../../src/directory/access.ts'
import { aSource, aUser, someRules } from '../support/builders.ts'

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 6 })

describe('queriedGroups', () => {
  it('asks for the groups that open the host, sudo and shared accounts, each once', () => {
    const rules = someRules({
      groups: ['developers', 'ops'],
      sudoGroups: ['ops', 'admins'],
      sharedAccounts: { deploy: ['release', 'developers'], backup: ['storage'] },
    })
    expect(queriedGroups(rules)).toEqual(['developers', 'ops', 'admins', 'release', 'storage'])
  })

  it('asks for all that are configured and nothing else', () => {
    fc.assert(
      fc.property(names, names, names, (groups, sudoGroups, shared) => {
        const rules = someRules({ groups, sudoGroups, sharedAccounts: { deploy: shared } })
        const asked = queriedGroups(rules)
        expect(new Set(asked)).toEqual(new Set([...groups, ...sudoGroups, ...shared]))
        expect(new Set(asked).size).toBe(asked.length)
      }),
    )
  })

  it('asks for every user only where access.groups says so: "*" of sudo is those who are here', () => {
    expect(queriedGroups(someRules({ groups: ['ops'], sudoGroups: ['*'] }))).toEqual(['ops'])
    expect(queriedGroups(someRules({ groups: ['*'], sudoGroups: ['*', 'ops'] }))).toEqual([
      '*',
      'ops',
    ])
  })
})

describe('membersOf', () => {
  const people = ['alice', 'bob', 'carol', 'dave'].map((name) => aUser({ name }))
  const source = aSource(people, { developers: ['alice', 'bob'], ops: ['bob', 'carol'], none: [] })
  const members = (...groups: readonly string[]) => [...membersOf(source, groups)].toSorted()

  it('is everyone in at least one of the groups', () => {
    expect(members('developers')).toEqual(['AIDAalice', 'AIDAbob'])
    expect(members('developers', 'ops')).toEqual(['AIDAalice', 'AIDAbob', 'AIDAcarol'])
  })

  it('is no person where no group is named, or one that is empty or not there', () => {
    expect(members()).toEqual([])
    expect(members('none', 'missing')).toEqual([])
    // No group of IAM has an empty name.
    expect(members('')).toEqual([])
  })

  it('is everyone of the source for "*", in a group or not', () => {
    expect(members('*')).toEqual(['AIDAalice', 'AIDAbob', 'AIDAcarol', 'AIDAdave'])
    expect(members('none', '*')).toHaveLength(4)
  })
})

describe('sharedPeople', () => {
  const people = ['alice', 'bob', 'carol'].map((name) => aUser({ name }))
  const source = aSource(people, { developers: ['alice', 'carol'], ops: ['bob'] })
  const shared = (sharedAccounts: Readonly<Record<string, readonly string[]>>) =>
    sharedPeople(source, someRules({ sharedAccounts }))

  it('opens an account to the members of its groups, whether they may log in as themselves or not', () => {
    expect(shared({ deploy: ['ops', 'developers'], backup: ['ops'], nightly: [] })).toEqual({
      deploy: people,
      backup: [people[1]],
      nightly: [],
    })
  })

  it('never opens root, whatever is configured', () => {
    fc.assert(
      fc.property(fc.subarray(['developers', 'ops', '*']), (groups) => {
        expect(Object.keys(shared({ root: groups, deploy: groups }))).toEqual(['deploy'])
      }),
    )
  })
})

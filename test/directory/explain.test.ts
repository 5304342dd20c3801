// explain: about the person asked for, with each rule in order and whoever is in the way.
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { explainName } from '../../src/directory/explain.ts'
import type { DirectoryRules, HostAccounts, SourceDirectory } from '../../src/directory/types.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

function world(
  source: SourceDirectory,
  more: { rules?: Partial<DirectoryRules>; local?: Partial<HostAccounts> } = {},
) {
  const rules = someRules(more.rules)
  const local = { ...noLocal, ...more.local }
  const directory = buildDirectory({ source, rules, local, pins: noPins })
  return (name: string) => explainName(name, { source, directory, rules, local })
}

const rows = ({ steps }: ReturnType<ReturnType<typeof world>>): readonly string[] =>
  steps.map(({ rule, outcome, found }) => `${outcome} ${rule}: ${found}`)

describe('explainName', () => {
  const people = [aUser({ name: 'Alice' }), aUser({ name: 'outsider' }), aUser({ name: 'root' })]
  const explain = world(aSource(people, { developers: ['Alice', 'root'], ops: ['Alice'] }), {
    rules: { groups: ['developers', 'ops'] },
  })

  it.each(['alice', 'Alice', 'AIDAAlice'])('finds a person by %s, and tells each rule', (name) => {
    const told = explain(name)
    expect(told).toMatchObject({ allowed: true, account: 'alice', person: people[0] })
    expect(rows(told)).toEqual([
      'pass known to the source: Alice, AIDAAlice',
      'pass access.groups: member of one of developers, ops',
      'pass Linux name: alice',
      expect.stringMatching(/^pass ids: uid (\d+), gid \1$/) as string,
    ])
  })

  it('tells who is not in the groups', () => {
    const told = explain('outsider')
    expect(told).toMatchObject({ allowed: false, account: undefined, person: people[1] })
    expect(rows(told).at(-1)).toBe('fail access.groups: not a member of developers, ops')
  })

  it('tells whom the source does not have', () => {
    const told = explain('stranger')
    expect(told).toEqual({
      allowed: false,
      account: undefined,
      person: undefined,
      isLocal: false,
      steps: [
        {
          rule: 'known to the source',
          outcome: 'fail',
          found: 'no user "stranger" in the groups that were read (developers, ops)',
        },
      ],
    })
  })

  it('tells why a name is no Linux name here', () => {
    const told = explain('AIDAroot')
    expect(told).toMatchObject({ allowed: false, account: undefined })
    expect(rows(told)).toEqual([
      'pass known to the source: root, AIDAroot',
      'pass access.groups: member of one of developers, ops',
      'fail Linux name: "root" belongs to the system: rename it in the source',
    ])
  })

  it('tells that a name is a group', () => {
    expect(rows(explain('ops')).at(-1)).toMatch(/^info group: "ops" is a group here, gid \d+$/)
    expect(rows(explain('alice')).join()).not.toContain('is a group here')
  })

  describe('of two people with one Linux name', () => {
    const older = aUser({ name: 'Bob', id: 'AIDAOLDER', createdAt: 1 })
    const younger = aUser({ name: 'bob', id: 'AIDAYOUNGER', createdAt: 2 })
    const clash = world(aSource([older, younger]))

    it.each(['bob', 'AIDAYOUNGER'])('is about the younger for %s, and names the older', (name) => {
      const told = clash(name)
      expect(told).toMatchObject({ allowed: false, account: undefined, person: younger })
      const text = rows(told)
      expect(text[0]).toBe('pass known to the source: bob, AIDAYOUNGER')
      expect(text[3]).toMatch(/^fail name-clash: "bob" is the name of user Bob \(AIDAOLDER, /)
      if (name === 'bob')
        expect(text[4]).toMatch(/^info Linux account: bob is IAM user Bob \(AIDAOLDER\), uid \d+$/)
      expect(text).toHaveLength(name === 'bob' ? 5 : 4)
    })

    it.each(['Bob', 'AIDAOLDER'])('is about the older for %s, and names the younger', (name) => {
      const told = clash(name)
      expect(told).toMatchObject({ allowed: true, account: 'bob', person: older })
      expect(rows(told).slice(4)).toEqual([
        'info name-clash: user bob (AIDAYOUNGER) wanted the same name and is refused',
      ])
    })
  })

  it('tells of a group that is refused for a person, and the other way round', () => {
    const ops = aUser({ name: 'ops', createdAt: 5 })
    const source = aSource([ops], { developers: ['ops'], ops: [] })
    const byAge = (createdAt: number) =>
      world(
        { ...source, groups: source.groups.map((group) => ({ ...group, createdAt })) },
        { rules: { groups: ['developers', 'ops'] } },
      )('ops')
    expect(rows(byAge(9)).slice(4)).toEqual([
      'info name-clash: group ops (AGPAops) wanted the same name and is refused',
      expect.stringMatching(/^info group: refused: "ops" is the name of user ops/) as string,
    ])
    const older = byAge(1)
    expect(older.allowed).toBe(false)
    expect(rows(older).slice(3)).toEqual([
      expect.stringMatching(/^fail name-clash: "ops" is the name of group ops/) as string,
      expect.stringMatching(/^info group: "ops" is a group here/) as string,
    ])
  })

  it('tells what of a person was not taken', () => {
    const dave = aUser({ name: 'dave', overrides: { dir: '/etc/x', shell: '/bin/fish' } })
    const erin = aUser({ name: 'erin', overrides: { dir: '/etc/y' } })
    const text = rows(world(aSource([dave, erin]))('dave'))
    expect(text.slice(4)).toEqual([
      expect.stringMatching(/^info home-refused: home "\/etc\/x"/) as string,
      expect.stringMatching(/^info shell-refused: shell "\/bin\/fish"/) as string,
    ])
  })

  describe('of a local account', () => {
    const isLocal = "is in /etc/passwd: its own ways in are this host's, not IAM's"
    const alice = aUser({ name: 'alice' })
    const local = {
      users: new Map([
        ['root', 0],
        ['deploy', 1000],
        ['alice', 1001],
        ['empty', 1002],
      ]),
    }
    const explainHere = world(
      aSource([alice], { developers: ['alice'], ops: ['alice'], none: [] }),
      {
        local,
        rules: { sharedAccounts: { deploy: ['ops'], empty: ['none'] } },
      },
    )

    it('names the people who share it, or says that there are none', () => {
      expect(explainHere('deploy')).toMatchObject({
        allowed: true,
        account: 'deploy',
        person: undefined,
      })
      expect(rows(explainHere('deploy'))).toEqual([
        `info local account: "deploy" ${isLocal}`,
        'pass access.shared_accounts: open, with a valid key of theirs, to alice',
      ])
      expect(explainHere('empty')).toMatchObject({ allowed: false, account: 'empty' })
      expect(rows(explainHere('empty'))[1]).toBe(
        'fail access.shared_accounts: its groups have no members',
      )
    })

    it('says so before it tells of a person of that name', () => {
      const told = explainHere('alice')
      expect(told).toMatchObject({ allowed: false, person: alice })
      expect(rows(told)[0]).toBe(`info local account: "alice" ${isLocal}`)
      expect(rows(told).at(-2)).toBe(
        'fail name-local: "alice" is in /etc/passwd, which is never shadowed',
      )
    })

    it('names those that a person may share, also where the person is refused here', () => {
      expect(rows(explainHere('AIDAalice')).at(-1)).toBe(
        'info access.shared_accounts: a valid key of theirs also opens deploy',
      )
    })

    it('is nobody of ours where nobody shares it', () => {
      const told = explainHere('root')
      expect(told).toMatchObject({ allowed: false, account: 'root', isLocal: true })
      expect(told.person).toBeUndefined()
      expect(rows(told)).toEqual([
        `info local account: "root" ${isLocal}`,
        'fail known to the source: no user "root" in the groups that were read (developers)',
      ])
    })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { fnv1a, isForbiddenId } from '../../src/directory/ids.ts'
import { explainName } from '../../src/directory/explain.ts'
import { indexDirectory } from '../../src/directory/lookup.ts'
import { parseLocalAccounts } from '../../src/directory/local.ts'
import type { SourceUser } from '../../src/directory/types.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

const build = (
  users: readonly SourceUser[],
  more: Partial<Parameters<typeof buildDirectory>[0]> = {},
) =>
  buildDirectory({
    source: aSource(users),
    rules: someRules(),
    local: noLocal,
    pins: noPins,
    ...more,
  })

const people = fc.uniqueArray(
  fc
    .record({ name: fc.stringMatching(/^[\w+=,.@-]{1,40}$/), createdAt: fc.nat(5) })
    .map((fields) => aUser(fields)),
  { selector: (user) => user.id, maxLength: 40 },
)

describe('buildDirectory', () => {
  it('gives the same directory for the same people in any order', () => {
    fc.assert(
      fc.property(people, fc.integer(), (users, seed) => {
        const shuffled = users.toSorted(
          (a, b) => fnv1a(a.id + String(seed)) - fnv1a(b.id + String(seed)),
        )
        const directory = build(users)
        const again = build(shuffled, {
          source: { ...aSource(shuffled), groups: aSource(users).groups },
        })
        expect(again.accounts).toEqual(directory.accounts)
        expect(again.groups).toEqual(directory.groups)
      }),
    )
  })

  it('gives each a unique name and id in the range, never root, never a local one', () => {
    const local = parseLocalAccounts(
      'root:x:0:0::/:/bin/sh\na:x:1900000000:1::/:/bin/sh\n',
      'b:x:1900000001:\n',
    )
    fc.assert(
      fc.property(people, (users) => {
        const { accounts, groups } = build(users, {
          local,
          rules: someRules({ ids: { min: 1900000000, max: 1900000200 } }),
        })
        const uids = accounts.map(({ passwd }) => passwd.uid)
        const gids = groups.map((group) => group.gid)
        expect(new Set(uids).size).toBe(uids.length)
        expect(new Set(gids).size).toBe(gids.length)
        for (const id of [...uids, ...gids]) {
          expect(isForbiddenId(id)).toBe(false)
          expect(id).toBeGreaterThan(1900000001)
          expect(id).toBeLessThanOrEqual(1900000200)
        }
        for (const { passwd } of accounts) expect(['root', 'a', 'b']).not.toContain(passwd.name)
      }),
    )
  })

  it('never moves anyone when a newcomer arrives', () => {
    fc.assert(
      fc.property(people, (users) => {
        const rules = someRules({ ids: { min: 1900000000, max: 1900000100 } })
        const before = build(users, { rules })
        const newcomer = aUser({ name: 'newcomer', createdAt: 99 })
        const after = build([...users, newcomer], { rules, pins: before.pins })
        for (const { user, passwd } of before.accounts)
          expect(after.accounts.find((each) => each.user.id === user.id)?.passwd).toEqual(passwd)
      }),
    )
  })

  it('gives a name that two people claim to the older, and tells the younger', () => {
    const older = aUser({ name: 'Alice', createdAt: 1, id: 'AIDA2' })
    const younger = aUser({ name: 'alice', createdAt: 2, id: 'AIDA1' })
    const { accounts, refused } = build([younger, older])
    expect(accounts.map(({ user }) => user.id)).toEqual(['AIDA2'])
    expect(refused).toMatchObject([{ id: 'AIDA1', code: 'name-clash' }])
    expect(refused[0]?.reason).toContain('Alice')
  })

  it('does not give a re-created name the uid of the person before', () => {
    const [before] = build([aUser({ name: 'alice', id: 'AIDAOLD' })]).accounts
    const [after] = build([aUser({ name: 'alice', id: 'AIDANEW' })]).accounts
    expect(after?.passwd.uid).not.toBe(before?.passwd.uid)
  })

  it('takes a uid of the source when it is in the range, and tells when it is not', () => {
    const { accounts, refused } = build([
      aUser({
        name: 'alice',
        overrides: { uid: 1900000000, shell: '/bin/zsh', gecos: 'A:l\nice' },
      }),
      aUser({ name: 'bob', overrides: { uid: 0 } }),
      aUser({ name: 'carol', overrides: { uid: 1900000000 } }),
      aUser({ name: 'dave', overrides: { shell: 'bash' } }),
    ])
    expect(accounts.map(({ passwd }) => passwd)).toEqual([
      {
        name: 'alice',
        uid: 1900000000,
        gid: 1900000000,
        gecos: 'A l ice',
        dir: '/home/alice',
        shell: '/bin/zsh',
      },
    ])
    expect(refused.map(({ name, code }) => [name, code])).toEqual([
      ['bob', 'id-out-of-range'],
      ['carol', 'id-clash'],
      ['dave', 'override-invalid'],
    ])
  })

  it('makes Linux groups of the configured groups, with a virtual one for sudo', () => {
    const users = [aUser({ name: 'alice' }), aUser({ name: 'bob' }), aUser({ name: 'eve' })]
    const source = aSource(users, {
      developers: ['alice', 'bob'],
      ops: ['alice', 'eve'],
      other: ['bob'],
    })
    const directory = build(users, { source, rules: someRules({ sudoGroups: ['ops'] }) })
    const index = indexDirectory(directory)
    expect(index.groupByName('developers')?.members).toEqual(['alice', 'bob'])
    expect(index.groupByName('iamlogin-sudo')?.members).toEqual(['alice'])
    expect(index.groupByName('other')).toBeUndefined()
    expect(index.accountByName('eve')).toBeUndefined()
    const names = index.initgroups('alice')?.map((gid) => index.groupByGid(gid)?.name)
    expect(names).toEqual(['alice', 'developers', 'ops', 'iamlogin-sudo'])
  })

  it('opens shared accounts to the members of their groups, and root to nobody', () => {
    const users = [aUser({ name: 'alice' }), aUser({ name: 'bob' })]
    const rules = someRules({ sharedAccounts: { 'ec2-user': ['ops'], root: ['ops'] } })
    const { shared } = build(users, {
      source: aSource(users, { developers: [], ops: ['bob'] }),
      rules,
    })
    expect(shared).toEqual({ 'ec2-user': [users[1]] })
  })
})

describe('explainName', () => {
  const users = [aUser({ name: 'alice' }), aUser({ name: 'outsider' }), aUser({ name: 'root' })]
  const source = aSource(users, { developers: ['alice', 'root'] })
  const input = { source, directory: build(users, { source }), rules: someRules(), local: noLocal }

  it('tells which rule refuses', () => {
    expect(explainName('alice', input).allowed).toBe(true)
    expect(explainName('outsider', input).steps.at(-1)).toMatchObject({
      rule: 'access.groups',
      outcome: 'fail',
    })
    expect(explainName('stranger', input).steps.at(-1)).toMatchObject({
      rule: 'known to the source',
      outcome: 'fail',
    })
    expect(explainName('root', input).allowed).toBe(false)
  })
})

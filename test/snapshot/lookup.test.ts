import { beforeEach, describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

describe('openView', () => {
  const source = aSource([aUser({ name: 'Alice', id: 'AIDA1' }), aUser({ name: 'bob' })], {
    developers: ['Alice', 'bob'],
    ops: ['Alice'],
  })
  const rules = someRules({ groups: ['developers', 'ops'] })
  const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
  let index = viewOf(directory)
  const [alice] = directory.accounts.filter(({ user }) => user.name === 'Alice')
  const groups = new Map(directory.groups.map(({ name, gid }) => [name, gid]))

  beforeEach(() => {
    index = viewOf(directory)
  })

  it('finds an account by its Linux name, its uid and its immutable id, as the same one', () => {
    expect(alice).toBeDefined()
    expect(index.accountByName('alice')).toMatchObject(alice ?? {})
    expect(index.accountByUid(alice?.passwd.uid ?? 0)).toMatchObject(alice ?? {})
    expect(index.accountById('AIDA1')).toMatchObject(alice ?? {})
  })

  it('finds no account by the name of the source, nor one that is not there', () => {
    expect(index.accountByName('Alice')).toBeUndefined()
    expect(index.accountByUid(0)).toBeUndefined()
    expect(index.accountById('alice')).toBeUndefined()
  })

  it('finds a group by name and by gid', () => {
    expect(index.groupByName('ops')).toMatchObject({ name: 'ops', members: ['alice'] })
    expect(index.groupByGid(groups.get('ops') ?? 0)).toEqual(index.groupByName('ops'))
    expect([index.groupByName('wheel'), index.groupByGid(0)]).toEqual([undefined, undefined])
  })

  it('tells every gid of a user, the primary one first, and nothing of others', () => {
    const gids = (...names: readonly string[]) => names.map((name) => groups.get(name))
    const [first, ...others] = index.initgroups('alice') ?? []
    expect(first).toBe(alice?.passwd.gid)
    expect(others.toSorted()).toEqual(gids('developers', 'ops').toSorted())
    expect(index.initgroups('bob')?.slice(1)).toEqual(gids('developers'))
    expect(index.initgroups('carol')).toBeUndefined()
  })
})

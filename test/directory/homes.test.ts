// A home belongs to a person, not to a name: who was renamed keeps it, whoever takes the name.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { diffAccounts } from '../../src/directory/diff.ts'
import { keepHomes } from '../../src/directory/homes.ts'
import type { Directory, Pins, SourceUser } from '../../src/directory/types.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

/** A host that reads one list of users after the other. */
function aHost() {
  let pins: Pins = noPins
  let directory: Directory | undefined
  return {
    pins: () => pins,
    read: (users: readonly SourceUser[]) => {
      const before = directory
      const given = keepHomes(pins, before?.accounts ?? [], users)
      const source = aSource(users)
      directory = buildDirectory({ source, rules: someRules(), local: noLocal, pins: given })
      pins = directory.pins
      const homes = Object.fromEntries(
        directory.accounts.map(({ passwd }) => [passwd.name, passwd.dir]),
      )
      return { homes, directory, diff: before && diffAccounts(before.accounts, directory.accounts) }
    },
  }
}
const person = (id: string, name: string): SourceUser => aUser({ id, name })
const one = person('AIDA1', 'alice')

describe('homes', () => {
  it('are named after the person, and nothing is pinned', () => {
    const host = aHost()
    expect(host.read([one]).homes).toEqual({ alice: '/home/alice' })
    expect(host.pins().homes).toBeUndefined()
  })

  it('stay with who was renamed, once and again, and back', () => {
    const host = aHost()
    host.read([one])
    const { homes, diff } = host.read([{ ...one, name: 'alicia' }])
    expect(homes).toEqual({ alicia: '/home/alice' })
    expect(diff).toMatchObject({ added: [], removed: [], renamed: [{ name: 'alice' }] })
    expect(host.read([{ ...one, name: 'ally' }]).homes).toEqual({ ally: '/home/alice' })
    expect(host.read([one]).homes).toEqual({ alice: '/home/alice' })
  })

  it('are not shared with who takes the name, and stay theirs when the other leaves', () => {
    const host = aHost()
    host.read([one])
    const renamed = { ...one, name: 'alicia' }
    const newcomer = { ...person('AIDA2', 'alice'), createdAt: 2 }
    const { homes, directory } = host.read([renamed, newcomer])
    const uid = directory.accounts.find(({ user }) => user.id === 'AIDA2')?.passwd.uid
    const own = `/home/alice-${uid ?? ''}`
    expect(homes).toEqual({ alicia: '/home/alice', alice: own })
    expect(host.read([newcomer]).homes).toEqual({ alice: own })
    expect(host.read([newcomer, renamed]).homes).toEqual({ alice: own, alicia: '/home/alice' })
  })

  it('are not to be had by a tag while they are kept for somebody', () => {
    const host = aHost()
    host.read([one])
    const thief = { ...person('AIDA2', 'bob'), overrides: { dir: '/home/alice' } }
    const { homes } = host.read([{ ...one, name: 'alicia' }, thief])
    expect(homes).toEqual({ alicia: '/home/alice', bob: '/home/bob' })
  })

  it('tell who was deleted and created anew from who was renamed', () => {
    const host = aHost()
    host.read([one])
    const { diff } = host.read([person('AIDA9', 'alice')])
    expect(diff?.renamed).toEqual([])
    expect([diff?.added.length, diff?.removed.length]).toEqual([1, 1])
  })

  it('never belong to two people who are here, whatever the names do', () => {
    const names = fc.array(
      fc.uniqueArray(
        fc.record({
          id: fc.constantFrom('AIDA1', 'AIDA2', 'AIDA3', 'AIDA4'),
          name: fc.constantFrom('alice', 'bob', 'carol', 'dave'),
        }),
        { selector: ({ id }) => id },
      ),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(names, (reads) => {
        const host = aHost()
        for (const people of reads) {
          const { homes, directory } = host.read(people.map(({ id, name }) => person(id, name)))
          const dirs = directory.accounts.map(({ passwd }) => passwd.dir)
          expect(new Set(dirs).size).toBe(dirs.length)
          expect(Object.keys(homes).length).toBe(dirs.length)
        }
      }),
    )
  })
})

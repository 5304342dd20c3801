import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { confirms, lossBetween, type Loss } from '../../src/directory/sanity.ts'
import type { SourceDirectory } from '../../src/directory/types.ts'
import { aSource, aUser } from '../support/builders.ts'

const names = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `user${from + index}`)
const people = (members: readonly string[]) => members.map((name) => aUser({ name }))
const team = (groups: Readonly<Record<string, readonly string[]>>): SourceDirectory =>
  aSource(people([...new Set(Object.values(groups).flat())]), groups)
const everyone = (members: readonly string[]): SourceDirectory => ({
  ...aSource(people(members), {}),
  complete: true,
})
const lossOf = (
  before: SourceDirectory,
  now: SourceDirectory,
  asked: readonly string[] = ['developers'],
): Loss | undefined => lossBetween(before, now, asked)

describe('lossBetween', () => {
  it.each([
    [5, 0, true],
    [1, 0, true],
    [0, 0, false],
    [100, 49, true],
    [100, 50, false],
    [2, 1, false],
    [3, 2, false],
    [3, 1, false],
    [4, 1, true],
    [5, 2, true],
    [6, 3, false],
    [9, 1, true],
    [9, 4, true],
    [9, 5, false],
  ])('of %i people becoming %i is %s', (before, after, expected) => {
    const [had, has] = [names(before), names(after)]
    expect(lossOf(team({ developers: had }), team({ developers: has })) !== undefined).toBe(
      expected,
    )
    expect(lossOf(everyone(had), everyone(has), ['*']) !== undefined).toBe(expected)
  })

  it('takes a change of rules for no loss: only groups that were read before and are asked now', () => {
    const before = team({ developers: names(12), qa: names(9, 20) })
    expect(lossOf(before, team({ ops: names(3) }), ['ops'])).toBeUndefined()
    expect(lossOf(before, team({ developers: names(12) }))).toBeUndefined()
    const wider = team({ developers: names(12), ops: names(3) })
    expect(lossOf(team({ developers: names(12) }), wider, ['developers', 'ops'])).toBeUndefined()
    expect(lossOf(everyone(names(50)), team({ developers: names(3) }))).toBeUndefined()
    const all = everyone(names(50))
    expect(lossOf(team({ developers: names(12) }), all, ['*'])).toBeUndefined()
  })

  it('sees a halved group behind a change of rules', () => {
    const before = team({ developers: names(12), qa: names(9, 20) })
    const now = team({ developers: names(5), ops: names(30, 40) })
    expect(lossOf(before, now, ['developers', 'ops'])?.missing.size).toBeGreaterThanOrEqual(7)
    const others = team({ developers: names(12), qa: names(30, 40), ops: names(3) })
    expect(lossOf(before, others, ['developers', 'ops'])).toBeUndefined()
  })

  it('sees who is missing of everybody, however they were named before', () => {
    expect(lossOf(team({ developers: names(12) }), everyone([]), ['*'])?.reason).toContain(
      'names nobody any more, before there were 12 people',
    )
  })

  it('sees one group emptied within a large directory, and a group that is no longer told', () => {
    const before = team({ developers: names(200), ops: names(4) })
    const asked = ['developers', 'ops']
    const said = '4 of the 4 members of group ops are missing'
    expect(lossOf(before, team({ developers: names(200), ops: [] }), asked)?.reason).toContain(said)
    expect(lossOf(before, team({ developers: names(200) }), asked)?.reason).toContain(said)
  })

  it('sees other people in the place of those before', () => {
    const [before, now] = [team({ developers: names(9) }), team({ developers: names(9, 20) })]
    expect(lossOf(before, now)).toBeDefined()
  })

  it('believes an ordinary day, doubts every large loss and never doubts growth', () => {
    const sets = fc.array(fc.nat(60), { maxLength: 60 }).map((ids) => [...new Set(ids)])
    fc.assert(
      fc.property(sets, sets, (had, has) => {
        const [before, now] = [had, has].map((ids) =>
          team({ developers: ids.map((id) => `u${id}`) }),
        )
        if (before === undefined || now === undefined) return
        const missing = had.filter((id) => !has.includes(id)).length
        const expected =
          (had.length > 0 && has.length === 0) || (missing >= 3 && missing * 2 > had.length)
        const loss = lossOf(before, now)
        expect(loss !== undefined).toBe(expected)
        if (missing === 0) expect(loss).toBeUndefined()
      }),
    )
  })
})

describe('confirms', () => {
  const before = team({ developers: names(20) })
  const after = (members: readonly string[]): Loss => {
    const loss = lossOf(before, team({ developers: members }))
    if (loss === undefined) throw new Error('no loss')
    return loss
  }

  it('takes the same loss, or a part of it', () => {
    const first = after(names(5))
    expect(confirms(after(names(5)), first)).toBe(true)
    // Somebody new came, somebody came back: the others are missing twice.
    expect(confirms(after([...names(5), 'new']), first)).toBe(true)
    expect(confirms(after(names(7)), first)).toBe(true)
  })

  it('takes who left in between, as any read would', () => {
    const first = after(names(5))
    expect(confirms(after(names(4)), first)).toBe(true)
    expect(confirms(after(names(3)), first)).toBe(true)
  })

  it('takes no second large loss, nor another one, nor all who were left', () => {
    const first = after(names(5))
    expect(confirms(after(names(2)), first)).toBe(false)
    expect(confirms(after(names(5, 5)), first)).toBe(false)
    expect(confirms(after([]), after(names(1)))).toBe(false)
  })

  it('takes no loss of a group of which the first read missed nobody', () => {
    const both = team({ developers: names(20), ops: names(20) })
    const first = lossOf(both, team({ developers: names(5), ops: names(20) }), [
      'developers',
      'ops',
    ])
    const second = lossOf(both, team({ developers: names(5), ops: names(5) }), [
      'developers',
      'ops',
    ])
    if (first === undefined || second === undefined) throw new Error('no loss')
    expect(confirms(second, first)).toBe(false)
    expect(confirms(second, second)).toBe(true)
  })
})

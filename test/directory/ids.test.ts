// Which ids are given: a function of the immutable id, in the range, never one that is somebody else's.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countIds, createIdSpace, fnv1a, inRange, isForbiddenId } from '../../src/directory/ids.ts'

const usual = { min: 1_879_048_192, max: 2_147_352_575 }
const whole = { min: 0, max: 4_294_967_295 }
const none = new Map<string, number>()

describe('fnv1a', () => {
  // A host's ids are these for ever: a change here gives everybody another uid.
  it.each([
    ['', 0xab3e7c0b],
    ['a', 0x1a80b1b3],
    ['AIDACKCEVSQ6C2EXAMPLE', 0xc9108324],
    ['ä', 0x1efdf303],
  ])('is the same on every host: %j', (text, expected) => {
    expect(fnv1a(text).toString(16)).toBe(expected.toString(16))
  })
})

describe('isForbiddenId', () => {
  it.each([
    [0, true],
    [65_534, true],
    [65_535, true],
    [65_536, false],
    [1_879_048_192, false],
    [2_147_352_575, false],
    [2_147_352_576, true],
    [2_147_352_600, true],
    [2_147_418_111, true],
    [2_147_418_112, false],
    [2_147_483_647, false],
    [2_147_483_648, true],
    [4_294_967_294, true],
    [4_294_967_295, true],
  ])('of %i is %s', (id, expected) => {
    expect(isForbiddenId(id)).toBe(expected)
    expect(inRange(id, whole)).toBe(!expected)
  })
})

describe('inRange', () => {
  it('takes both ends, and nothing outside or between whole numbers', () => {
    const { min, max } = usual
    for (const id of [min, min + 1, max - 1, max]) expect(inRange(id, usual)).toBe(true)
    for (const id of [min - 1, max + 1, min + 0.5, NaN, Infinity, -min])
      expect(inRange(id, usual)).toBe(false)
    // Their neighbours are not forbidden: it is the range that ends there.
    const small = { min: 100_000, max: 100_009 }
    expect([99_999, 100_000, 100_009, 100_010].map((id) => inRange(id, small))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})

describe('countIds', () => {
  it.each([
    [usual, 268_304_384],
    [{ min: 1_879_048_192, max: 2_147_483_647 }, 268_369_920],
    [{ min: 100_000, max: 100_000 }, 1],
    [{ min: 0, max: 65_536 }, 1],
    [{ min: 2_147_352_576, max: 2_147_418_111 }, 0],
    [{ min: 2_147_352_575, max: 2_147_418_112 }, 2],
    [{ min: 2_147_483_647, max: 4_294_967_295 }, 1],
    [{ min: 100_001, max: 100_000 }, 0],
  ])('of %o is %i', (range, expected) => {
    expect(countIds(range)).toBe(expected)
  })

  it('is the number of ids that inRange takes', () => {
    const edges = fc.constantFrom(
      65_536,
      2_147_352_576,
      2_147_418_111,
      2_147_483_648,
      1_900_000_000,
    )
    const near = fc.tuple(edges, fc.integer({ min: -50, max: 50 }), fc.nat(100))
    fc.assert(
      fc.property(near, ([edge, shift, length]) => {
        const range = { min: edge + shift, max: edge + shift + length }
        let count = 0
        for (let id = range.min; id <= range.max; id++) if (inRange(id, range)) count++
        expect(countIds(range)).toBe(count)
      }),
    )
  })
})

describe('createIdSpace', () => {
  const sourceIds = fc.uniqueArray(fc.stringMatching(/^AIDA[A-Z0-9]{1,8}$/), { maxLength: 30 })

  it('gives the hash of the immutable id, whoever else is there', () => {
    const id = usual.min + (fnv1a('AIDAALICE') % (usual.max - usual.min + 1))
    expect(createIdSpace(usual, none, new Set()).give('AIDAALICE')).toBe(id)
  })

  it('never gives an id twice, outside the range, forbidden or taken', () => {
    const range = { min: 2_147_352_556, max: 2_147_418_131 }
    const taken = new Set([2_147_352_556, 2_147_418_131])
    fc.assert(
      fc.property(sourceIds, (ids) => {
        const space = createIdSpace(range, none, taken)
        const given = ids.map((id) => space.give(id))
        expect(new Set(given).size).toBe(given.length)
        for (const id of given) {
          expect(inRange(id, range)).toBe(true)
          expect(taken.has(id)).toBe(false)
        }
      }),
    )
  })

  it('gives every id of a range, from its end on from its beginning, then says that none is left', () => {
    const range = { min: 100_000, max: 100_009 }
    const space = createIdSpace(range, none, new Set([100_004]))
    const given = Array.from({ length: 9 }, (_, at) => space.give(`AIDA${at}`))
    const sorted = given.toSorted((a, b) => a - b)
    expect(sorted).toEqual([100_000, 100_001, 100_002, 100_003, ...sorted.slice(4)])
    expect(sorted.slice(4)).toEqual([100_005, 100_006, 100_007, 100_008, 100_009])
    expect(() => space.give('AIDALATE')).toThrow(
      new RangeError('ids.min..ids.max (100000..100009) has no free id left'),
    )
  })

  it('gives the next free id, not another one, when the own one is gone', () => {
    const range = { min: 100_000, max: 100_999 }
    const first = createIdSpace(range, none, new Set()).give('AIDAALICE')
    const next = first === range.max ? range.min : first + 1
    expect(createIdSpace(range, none, new Set([first])).give('AIDAALICE')).toBe(next)
  })

  it('keeps a pin, and keeps it free for its owner', () => {
    const range = { min: 100_000, max: 100_001 }
    const pins = new Map([['AIDAOLD', 100_001]])
    const space = createIdSpace(range, pins, new Set())
    expect(space.give('AIDANEW')).toBe(100_000)
    expect(() => space.give('AIDANEWER')).toThrow(RangeError)
    expect(space.give('AIDAOLD')).toBe(100_001)
  })

  it('gives a pin that two have to the first of them', () => {
    const pins = new Map([
      ['AIDAONE', 1_900_000_000],
      ['AIDATWO', 1_900_000_000],
    ])
    const space = createIdSpace(usual, pins, new Set())
    expect(space.give('AIDATWO')).not.toBe(1_900_000_000)
    expect(space.give('AIDAONE')).toBe(1_900_000_000)
  })

  it.each([
    ['outside the range', 100_000],
    ["systemd's", 2_147_352_600],
    ['a local account', 1_900_000_000],
    ['of the system', 8],
  ])('drops a pin that is %s', (_why, pin) => {
    const space = createIdSpace(usual, new Map([['AIDAALICE', pin]]), new Set([1_900_000_000]))
    const fresh = createIdSpace(usual, none, new Set()).give('AIDAALICE')
    expect(space.give('AIDAALICE')).toBe(fresh)
  })

  it('gives and takes each id once, whatever is asked in whatever order', () => {
    const range = { min: 100_000, max: 100_007 }
    const who = fc.constantFrom('AIDA1', 'AIDA2', 'AIDA3', 'AIDA4')
    const id = fc.integer({ min: 99_999, max: 100_008 })
    const request = fc.oneof(fc.record({ who }), fc.record({ who, tag: id }))
    const given = fc.array(fc.tuple(who, id), { maxLength: 4 })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), given, (requests, pinned) => {
        const space = createIdSpace(range, new Map(pinned), new Set([100_003]))
        const ids: number[] = []
        for (const each of requests) {
          if ('tag' in each) {
            if (space.take(each.tag, each.who)) ids.push(each.tag)
            continue
          }
          try {
            ids.push(space.give(each.who))
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError)
          }
        }
        expect(new Set(ids).size).toBe(ids.length)
        expect(ids).not.toContain(100_003)
        for (const one of ids) expect(inRange(one, range)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('goes over the range of systemd where the hash falls into it', () => {
    const range = { min: 2_147_352_576, max: 2_147_418_113 }
    const space = createIdSpace(range, none, new Set())
    const given = ['AIDA1', 'AIDA2'].map((id) => space.give(id))
    expect(given).toEqual([2_147_418_112, 2_147_418_113])
    expect(() => space.give('AIDA3')).toThrow(RangeError)
  })

  it('takes for a tag the hash of a person who has another id here, of nobody else', () => {
    const hash = createIdSpace(usual, none, new Set()).give('AIDAALICE')
    const pins = new Map([['AIDAALICE', 1_900_000_000]])
    const tagged = (known: ReadonlyMap<string, number>) =>
      createIdSpace(usual, known, new Set(), ['AIDAALICE'])
    expect(tagged(none).take(hash, 'AIDAtagged')).toBe(false)
    expect(tagged(none).take(hash, 'AIDAALICE')).toBe(true)
    expect(tagged(pins).take(hash, 'AIDAtagged')).toBe(true)
    expect(tagged(pins).take(1_900_000_000, 'AIDAtagged')).toBe(false)
  })

  it('takes an id once, in the range, and gives it to nobody else', () => {
    const range = { min: 100_000, max: 100_001 }
    const space = createIdSpace(range, none, new Set([100_001]))
    expect(space.take(99_999, 'AIDAtagged')).toBe(false)
    expect(space.take(100_001, 'AIDAtagged')).toBe(false)
    expect(space.take(100_000, 'AIDAtagged')).toBe(true)
    expect(space.take(100_000, 'AIDAtagged')).toBe(false)
    expect(() => space.give('AIDAALICE')).toThrow(RangeError)
  })
})

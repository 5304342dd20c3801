import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isBoolean,
  isListOf,
  isNumber,
  isObject,
  isOneOf,
  isText,
} from '../../src/platform/shape.ts'

describe('a shape of JSON', () => {
  it('is that of a value whose type has the name', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect([isText(value), isNumber(value), isBoolean(value)]).toEqual(
          ['string', 'number', 'boolean'].map((type) => typeof value === type),
        )
      }),
    )
  })

  it('is one of the values that it lists, and no other', () => {
    const is = isOneOf('a', 1, true)
    expect(['a', 1, true, 'b', '1', false, undefined, null].map(is)).toEqual(
      [true, true, true].concat([false, false, false, false, false]),
    )
  })

  it('is a list of which no entry is of another shape', () => {
    const is = isListOf(isText)
    expect([[], ['a'], ['a', 1], { length: 0 }, 'a'].map(is)).toEqual(
      [true, true].concat([false, false, false]),
    )
  })

  it.each<readonly [string, unknown, boolean]>([
    ['all that is required', { id: 'a' }, true],
    ['what is optional, too', { id: 'a', at: 1 }, true],
    ['a key that it does not name', { id: 'a', more: 1 }, true],
    ['less than is required', { at: 1 }, false],
    ['a required value of another type', { id: 1 }, false],
    ['an optional value of another type', { id: 'a', at: 'b' }, false],
    ['an optional value that is null', { id: 'a', at: null }, false],
  ])('tells an object with %s', (_what, value, answer) => {
    expect(isObject({ id: isText }, { at: isNumber })(value)).toBe(answer)
  })

  it('takes no value from the prototype of an object', () => {
    expect(isObject({ id: isText }, {})(Object.create({ id: 'a' }))).toBe(false)
  })

  it.each([null, undefined, 1, 'id'])('is no object where the value is %j', (value) => {
    expect(isObject({}, {})(value)).toBe(false)
  })
})

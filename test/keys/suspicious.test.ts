// The number of users who lose all their keys at once from which the key lookup doubts the source.
import { describe, expect, it } from 'vitest'
import { isMassLoss } from '../../src/keys/suspicious.ts'

describe('isMassLoss', () => {
  const readings = (lost: number, kept: number, at = 1_000) => [
    ...Array.from({ length: lost }, () => ({ at, isLoss: true })),
    ...Array.from({ length: kept }, () => ({ at, isLoss: false })),
  ]

  it.each([
    [0, 0, false],
    [1, 0, false],
    [2, 0, false],
    [3, 0, true],
    [3, 2, true],
    [3, 3, false],
    [3, 4, false],
    [50, 49, true],
    [50, 50, false],
  ])('is for %i who lost them and %i who did not: %s', (lost, kept, isLoss) => {
    expect(isMassLoss(readings(lost, kept), 1_000, 60)).toBe(isLoss)
  })

  it('counts what was read within the window alone', () => {
    expect(isMassLoss(readings(3, 0, 940), 1_000, 60)).toBe(true)
    expect(isMassLoss(readings(3, 0, 939), 1_000, 60)).toBe(false)
    expect(isMassLoss([...readings(3, 0), ...readings(0, 3, 939)], 1_000, 60)).toBe(true)
  })
})

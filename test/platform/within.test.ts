import { describe, expect, it } from 'vitest'
import { within } from '../../src/platform/within.ts'
import { aClock } from '../support/builders.ts'

describe('within', () => {
  it('gives what comes in time, and leaves no timer', async () => {
    const clock = aClock()
    const answer = Promise.resolve('here')
    expect(await within(clock, 100, answer, () => 'late')).toBe('here')
    await clock.advance(100)
  })

  it('gives something else when it is late, once', async () => {
    const clock = aClock()
    const never = Promise.withResolvers<string>()
    const answer = within(clock, 100, never.promise, () => 'late')
    await clock.advance(100)
    expect(await answer).toBe('late')
    never.resolve('here')
    expect(await answer).toBe('late')
  })

  it('rejects as the promise does', async () => {
    const error = new Error('no')
    await expect(within(aClock(), 100, Promise.reject(error), () => 'late')).rejects.toBe(error)
  })
})

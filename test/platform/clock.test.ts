// Which clock an age goes by: the wall clock may be set, what a process read itself does not care.
import { describe, expect, it } from 'vitest'
import { ageOf, isInFuture, momentOf, savedMoment, systemClock } from '../../src/platform/clock.ts'
import { aClock } from '../support/builders.ts'

const day = 86_400_000

describe('ageOf', () => {
  it('counts time passed since a moment of this process, however the clock is set', async () => {
    const clock = aClock()
    const moment = momentOf(clock)
    clock.step(-365 * day)
    await clock.advance(1_000)
    expect(ageOf(clock, moment)).toBe(1_000)
    clock.step(800 * day)
    expect(ageOf(clock, moment)).toBe(1_000)
    expect(isInFuture(clock, moment)).toBe(false)
  })

  it('goes on from the saved time of an earlier run, and never back', async () => {
    const clock = aClock(10 * day)
    const moment = savedMoment(clock, 9 * day)
    expect(ageOf(clock, moment)).toBe(day)
    clock.step(-day)
    await clock.advance(1_000)
    expect(ageOf(clock, moment)).toBe(day + 1_000)
  })

  it('counts from the start what was saved in the future, until the clock is right', async () => {
    const clock = aClock(day)
    const moment = savedMoment(clock, 30 * day)
    expect(isInFuture(clock, moment)).toBe(true)
    expect(ageOf(clock, moment)).toBe(0)
    await clock.advance(1_000)
    expect(ageOf(clock, moment)).toBe(1_000)
    clock.step(34 * day)
    expect(isInFuture(clock, moment)).toBe(false)
    expect(ageOf(clock, moment)).toBe(5 * day + 1_000)
  })
})

describe('systemClock', () => {
  it('never goes back', () => {
    let last = 0
    for (let each = 0; each < 10_000; each++) {
      const now = systemClock.monotonic()
      expect(now >= last).toBe(true)
      last = now
    }
  })
})

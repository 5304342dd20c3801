import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCallBudget } from '../../src/platform/call-budget.ts'
import { aClock } from '../support/builders.ts'

describe('createCallBudget', () => {
  it.each([-3_600_000, 3_600_000])('fills by time passed, whatever is set (%d ms)', async (ms) => {
    const clock = aClock()
    const bucket = createCallBudget({ clock, perMinute: 60 })
    expect(bucket.take(60)).toBe(true)
    clock.step(ms)
    expect(bucket.left()).toBe(0)
    await clock.advance(30_000)
    expect(bucket.left()).toBe(30)
  })

  it('gives all or nothing, and fills again in a minute', async () => {
    const clock = aClock()
    const bucket = createCallBudget({ clock, perMinute: 10 })
    expect(bucket.take(7)).toBe(true)
    expect(bucket.take(4)).toBe(false)
    expect(bucket.left()).toBe(3)
    await clock.advance(30_000)
    expect(bucket.left()).toBe(8)
    await clock.advance(600_000)
    expect(bucket.left()).toBe(10)
  })

  it('takes back what was not spent, never more than it holds', () => {
    const bucket = createCallBudget({ clock: aClock(), perMinute: 10 })
    bucket.take(4)
    bucket.giveBack(3)
    expect(bucket.left()).toBe(9)
    bucket.giveBack(5)
    expect(bucket.left()).toBe(10)
  })

  it('has a debt paid by waiting', async () => {
    const clock = aClock()
    const bucket = createCallBudget({ clock, perMinute: 10 })
    bucket.take(10)
    bucket.giveBack(-10)
    await clock.advance(60_000)
    expect(bucket.take(1)).toBe(false)
    await clock.advance(6_000)
    expect(bucket.take(1)).toBe(true)
  })

  it('never gives more than it held and got', async () => {
    const step = fc.oneof(
      fc.record({ take: fc.nat({ max: 20 }) }),
      fc.record({ wait: fc.nat({ max: 60_000 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 20 }), fc.array(step), async (perMinute, steps) => {
        const clock = aClock()
        const startedAt = clock.now()
        const bucket = createCallBudget({ clock, perMinute })
        let given = 0
        for (const each of steps)
          if ('wait' in each) await clock.advance(each.wait)
          else if (bucket.take(each.take)) given += each.take
        const minutes = (clock.now() - startedAt) / 60_000
        expect(given).toBeLessThanOrEqual(perMinute * (1 + minutes) + 1e-6)
      }),
    )
  })
})

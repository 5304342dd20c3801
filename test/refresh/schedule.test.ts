import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterOtherRead,
  afterScheduledRead,
  due,
  firstSchedule,
  type Outcome,
  type Schedule,
} from '../../src/refresh/schedule.ts'

const rules = { refreshMs: 60_000, longestBackOffMs: 300_000, confirmAfterMs: 30_000 }
const failed: Outcome = { kind: 'failed' }
const good: Outcome = { kind: 'good' }

const kinds = fc.constantFrom('good', 'failed', 'doubted')
const outcomeAt = (kind: 'good' | 'failed' | 'doubted', at: number): Outcome =>
  kind === 'doubted' ? { kind, since: at } : { kind }

describe('schedule', () => {
  it('doubles the pause from the second failure on, up to the longest', () => {
    let schedule: Schedule = firstSchedule(0)
    const pauses = Array.from({ length: 6 }, () => {
      const at = schedule.nextAt
      schedule = afterScheduledRead(schedule, { outcome: failed, at, random: 0 }, rules)
      return schedule.nextAt - at
    })
    expect(pauses).toEqual([60_000, 120_000, 240_000, 300_000, 300_000, 300_000])
  })

  it('ends the back-off at the first success of any read', () => {
    const failing = { nextAt: 1_000_000, confirmAt: undefined, failures: 5 }
    const end = { outcome: good, at: 800_000, random: 0 }
    expect(afterOtherRead(failing, end, rules)).toEqual({
      nextAt: 860_000,
      confirmAt: undefined,
      failures: 0,
    })
  })

  it('looks a second time at what is doubted, without losing its own rhythm', () => {
    const start = { nextAt: 60_000, confirmAt: undefined, failures: 0 }
    const doubted: Outcome = { kind: 'doubted', since: 10_000 }
    const schedule = afterOtherRead(start, { outcome: doubted, at: 10_000, random: 0 }, rules)
    expect(due(schedule)).toEqual({ at: 40_000, scheduled: false })
    const confirmed = afterOtherRead(schedule, { outcome: good, at: 40_000, random: 0 }, rules)
    expect(due(confirmed)).toEqual({ at: 60_000, scheduled: true })
    const failedLook = afterOtherRead(schedule, { outcome: failed, at: 40_000, random: 0 }, rules)
    expect(due(failedLook)).toEqual({ at: 60_000, scheduled: true })
    const earlier = afterOtherRead(schedule, { outcome: failed, at: 20_000, random: 0 }, rules)
    expect(due(earlier)).toEqual({ at: 40_000, scheduled: false })
  })

  it('never waits longer than refreshMs after a read that the source answered', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('good', 'doubted'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (kind, random) => {
          const end = { outcome: outcomeAt(kind, 5), at: 5, random }
          const { nextAt } = afterScheduledRead(firstSchedule(0), end, rules)
          expect(nextAt - 5).toBeLessThanOrEqual(rules.refreshMs)
          expect(nextAt - 5).toBeGreaterThanOrEqual(rules.refreshMs * 0.9)
        },
      ),
    )
  })

  it('is never put off by callers, whatever they do and whatever becomes of it', () => {
    const read = fc.record({
      kind: kinds,
      tookMs: fc.nat(120_000),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const caller = fc.record({
      kind: kinds,
      afterMs: fc.nat(100_000),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(
        fc.array(read, { minLength: 1, maxLength: 30 }),
        fc.array(caller, { maxLength: 200 }),
        (reads, callers) => {
          let [alone, crowded] = [firstSchedule(0), firstSchedule(0)]
          let now = 0
          const queue = [...callers]
          for (const { kind, tookMs, random } of reads) {
            // Callers read until the schedule's own read is due.
            for (
              let next = queue[0];
              next !== undefined && now + next.afterMs < crowded.nextAt;
              next = queue[0]
            ) {
              queue.shift()
              now += next.afterMs
              const before = crowded
              const end = { outcome: outcomeAt(next.kind, now), at: now, random: next.random }
              crowded = afterOtherRead(before, end, rules)
              expect(crowded.nextAt).toBeLessThanOrEqual(before.nextAt)
              expect(crowded.failures).toBeLessThanOrEqual(before.failures)
              expect(due(crowded).at).toBeLessThanOrEqual(before.nextAt)
            }
            // The same reads of the schedule's, with the same outcomes: none begins later.
            expect(crowded.nextAt).toBeLessThanOrEqual(alone.nextAt)
            now = crowded.nextAt + tookMs
            const at = alone.nextAt + tookMs
            crowded = afterScheduledRead(
              crowded,
              { outcome: outcomeAt(kind, now), at: now, random },
              rules,
            )
            alone = afterScheduledRead(alone, { outcome: outcomeAt(kind, at), at, random }, rules)
          }
        },
      ),
    )
  })
})

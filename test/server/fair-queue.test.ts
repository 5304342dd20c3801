// Whose frame is answered next, with a clock and turns of the test's own.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFairQueue, type Asker } from '../../src/server/fair-queue.ts'

/** A line whose answers take `costMs` each; `turn` is one turn of the event loop. */
function aLine(costMs = 0.1) {
  let at = 0
  let next: (() => void)[] = []
  const answers: string[] = []
  const line = createFairQueue({ now: () => at, nextTurn: (callback) => next.push(callback) })
  return {
    line,
    answers,
    scheduled: () => next.length,
    pass: (ms: number) => (at += ms),
    turn: () => {
      const due = next
      next = []
      for (const callback of due) callback()
    },
    asker: (uid: number, name: string, frames: number): Asker => {
      let sent = 0
      return {
        uid,
        answerOne: () => {
          at += costMs
          answers.push(`${name}${++sent}`)
          return sent < frames
        },
      }
    },
  }
}

describe('createFairQueue', () => {
  it('answers nobody before the sockets were looked at', () => {
    const { line, asker, answers, turn } = aLine()
    line.join(asker(1, 'a', 1))
    expect(answers).toEqual([])
    turn()
    expect(answers).toEqual(['a1'])
  })

  it('lets uids take turns, and the connections of a uid among themselves', () => {
    const { line, asker, answers, turn } = aLine()
    line.join(asker(1, 'a', 3))
    line.join(asker(1, 'b', 2))
    line.join(asker(2, 'c', 2))
    turn()
    expect(answers).toEqual(['a1', 'c1', 'b1', 'c2', 'a2', 'b2', 'a3'])
  })

  it('stops after a slice, however much is left, and goes on in the next turn', () => {
    const { line, asker, answers, turn, scheduled } = aLine(0.3)
    line.join(asker(1, 'a', 10))
    turn()
    expect(answers).toHaveLength(4)
    expect(scheduled()).toBe(1)
    turn()
    expect(answers).toHaveLength(8)
  })

  it('makes one answer a turn where an answer is longer than a slice', () => {
    const { line, asker, answers, turn } = aLine(5)
    line.join(asker(1, 'a', 10))
    turn()
    expect(answers).toHaveLength(1)
  })

  it('asks for no turns when nobody waits', () => {
    const { line, asker, turn, scheduled } = aLine()
    line.join(asker(1, 'a', 1))
    turn()
    expect(scheduled()).toBe(0)
  })

  it('forgets who left', () => {
    const { line, asker, answers, turn } = aLine()
    const gone = asker(1, 'a', 1)
    line.join(gone)
    line.join(asker(2, 'b', 1))
    line.leave(gone)
    turn()
    expect(answers).toEqual(['b1'])
  })

  it('keeps one place for who joins twice', () => {
    const { line, asker, answers, turn } = aLine()
    const twice = asker(1, 'a', 1)
    line.join(twice)
    line.join(twice)
    turn()
    expect(answers).toEqual(['a1'])
  })

  it('lets connections come in for four times as long as it answered, and no longer', () => {
    const { line, asker, answers, turn, pass } = aLine(1)
    line.join(asker(1, 'a', 10))
    turn()
    expect(answers).toHaveLength(1)
    line.noteArrival()
    turn()
    expect(answers).toHaveLength(1)
    pass(3.9)
    line.noteArrival()
    turn()
    expect(answers).toHaveLength(1)
    pass(0.1)
    line.noteArrival()
    turn()
    expect(answers).toHaveLength(2)
  })

  it('goes on at once when no more connections come', () => {
    const { line, asker, answers, turn } = aLine(1)
    line.join(asker(1, 'a', 10))
    turn()
    line.noteArrival()
    turn()
    turn()
    expect(answers).toHaveLength(2)
  })

  it('starves no uid: between two answers of one that waits, no other has more than one', () => {
    const uids = fc.array(
      fc.record({ uid: fc.integer({ min: 1, max: 5 }), frames: fc.integer({ min: 1, max: 20 }) }),
      { minLength: 1, maxLength: 20 },
    )
    fc.assert(
      fc.property(uids, fc.double({ min: 0.01, max: 3, noNaN: true }), (all, costMs) => {
        const { line, asker, answers, turn, scheduled } = aLine(costMs)
        const left = new Map<number, number>()
        all.forEach(({ uid, frames }, index) => {
          left.set(uid, (left.get(uid) ?? 0) + frames)
          line.join(asker(uid, `${uid}:${index}:`, frames))
        })
        while (scheduled() > 0) turn()
        const waiting = new Map([...left.keys()].map((uid) => [uid, new Map<number, number>()]))
        for (const answer of answers) {
          const uid = Number(answer.split(':')[0])
          for (const [other, since] of waiting)
            if (other !== uid && (left.get(other) ?? 0) > 0) {
              since.set(uid, (since.get(uid) ?? 0) + 1)
              expect(since.get(uid)).toBe(1)
            }
          waiting.set(uid, new Map())
          left.set(uid, (left.get(uid) ?? 0) - 1)
        }
        expect([...left.values()].every((frames) => frames === 0)).toBe(true)
      }),
    )
  })
})

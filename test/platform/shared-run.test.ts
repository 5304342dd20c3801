import { describe, expect, it } from 'vitest'
import { createSharedRun } from '../../src/platform/shared-run.ts'

/** Runs that end when the test says so, each with its number. */
function aRun() {
  const ends: PromiseWithResolvers<number>[] = []
  const { next, idle } = createSharedRun(() => {
    const end = Promise.withResolvers<number>()
    ends.push(end)
    return end.promise
  })
  return { ends, next, idle }
}

describe('a shared run', () => {
  it('begins at the first call', async () => {
    const { ends, next } = aRun()
    const answer = next()
    ends[0]?.resolve(1)
    expect(await answer).toBe(1)
  })

  it('is the next one for all callers that come while one is under way', async () => {
    const { ends, next } = aRun()
    const first = next()
    const others = [next(), next(), next()]
    expect(ends).toHaveLength(1)
    ends[0]?.resolve(1)
    expect(await first).toBe(1)
    await Promise.resolve()
    expect(ends).toHaveLength(2)
    ends[1]?.resolve(2)
    expect(await Promise.all(others)).toEqual([2, 2, 2])
  })

  it('begins again after one that failed', async () => {
    const { ends, next } = aRun()
    const first = next()
    const second = next()
    ends[0]?.reject(new Error('no'))
    await expect(first).rejects.toThrow('no')
    await Promise.resolve()
    ends[1]?.resolve(2)
    expect(await second).toBe(2)
  })

  it('is idle when none is under way and none waits', async () => {
    const { ends, next, idle } = aRun()
    await idle()
    void next()
    void next()
    let isIdle = false
    const waited = idle().then(() => (isIdle = true))
    ends[0]?.resolve(1)
    await new Promise(setImmediate)
    expect(isIdle).toBe(false)
    ends[1]?.resolve(2)
    await waited
  })
})

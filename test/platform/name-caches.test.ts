import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/platform/log.ts'
import { createNameCaches } from '../../src/platform/name-caches.ts'
import { aClock } from '../support/builders.ts'

function someCaches() {
  const clock = aClock()
  const state = { runs: 0, names: ['nscd'], error: undefined as Error | undefined }
  const held: PromiseWithResolvers<undefined>[] = []
  const caches = createNameCaches({
    clock,
    log: silentLog,
    empty: async () => {
      state.runs++
      const hold = Promise.withResolvers<undefined>()
      held.push(hold)
      await hold.promise
      if (state.error !== undefined) throw state.error
      return state.names
    },
  })
  const finish = async (): Promise<void> => {
    held.shift()?.resolve(undefined)
    await clock.advance(0)
  }
  return { caches, clock, state, finish }
}

describe('createNameCaches', () => {
  it('empties at once, once more for all who ask meanwhile, and again a moment later', async () => {
    const { caches, clock, state, finish } = someCaches()
    caches.changed()
    for (let change = 0; change < 10; change++) caches.changed()
    let isIdle = false
    const idle = caches.idle().then(() => (isIdle = true))
    await finish()
    expect(state.runs).toBe(2)
    expect(isIdle).toBe(false)
    await finish()
    await idle
    expect(caches.notices()).toEqual([
      'nscd caches names on this host: emptied at each change of the directory',
    ])
    await clock.advance(2_000)
    expect(state.runs).toBe(3)
    await finish()
    await clock.advance(60_000)
    expect(state.runs).toBe(3)
  })

  it('holds nobody up for longer than 4 s', async () => {
    const { caches, clock } = someCaches()
    caches.changed()
    const idle = caches.idle()
    await clock.advance(4_000)
    await idle
  })

  it('says what cannot be emptied, and nothing where there is no cache', async () => {
    const { caches, state, finish } = someCaches()
    state.error = new Error('no helper')
    caches.changed()
    await finish()
    expect(caches.notices()[0]).toContain('cannot be emptied')
    state.error = undefined
    state.names = []
    caches.changed()
    await finish()
    expect(caches.notices()).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { createSignals } from '../src/signals.ts'
import { aClock } from './support/builders.ts'

function someSignals() {
  const clock = aClock()
  const state = { reloads: 0, stops: 0, failures: 0, aborted: false }
  let ended = Promise.withResolvers<undefined>()
  const signals = createSignals({
    clock,
    gapMs: 1_000,
    reload: (signal) => {
      state.reloads++
      ended = Promise.withResolvers()
      signal.addEventListener('abort', () => (state.aborted = true))
      return ended.promise
    },
    stop: () => {
      state.stops++
      return Promise.resolve()
    },
    failed: () => state.failures++,
  })
  const end = async (ms: number): Promise<void> => {
    ended.resolve(undefined)
    await clock.advance(ms)
  }
  const fail = async (): Promise<void> => {
    ended.reject(new Error('a bug'))
    await clock.advance(0)
  }
  return { ...signals, clock, state, end, fail }
}

describe('createSignals', () => {
  it('reloads at once, and once more for however many ask meanwhile', async () => {
    const { hangUp, state, end } = someSignals()
    for (let signal = 0; signal < 200; signal++) hangUp()
    expect(state.reloads).toBe(1)
    await end(1_000)
    expect(state.reloads).toBe(2)
    await end(1_000)
    await end(60_000)
    expect(state.reloads).toBe(2)
    hangUp()
    expect(state.reloads).toBe(3)
  })

  it('leaves a gap after a quick reload, and waits for a slow one', async () => {
    const { hangUp, state, end, clock } = someSignals()
    hangUp()
    await end(500)
    hangUp()
    expect(state.reloads).toBe(1)
    await clock.advance(500)
    expect(state.reloads).toBe(2)
    hangUp()
    await clock.advance(60_000)
    expect(state.reloads).toBe(2)
    await end(0)
    expect(state.reloads).toBe(3)
  })

  it('stops at once, whatever runs or is owed, and reloads no more', async () => {
    const { hangUp, terminate, state, end } = someSignals()
    hangUp()
    hangUp()
    terminate()
    terminate()
    expect(state).toMatchObject({ stops: 1, aborted: true })
    hangUp()
    await end(60_000)
    expect(state.reloads).toBe(1)
  })

  it('hands on what fails', async () => {
    const { hangUp, state, fail, clock } = someSignals()
    hangUp()
    await fail()
    await clock.advance(1_000)
    expect(state.failures).toBe(1)
  })
})

import { describe, expect, it } from 'vitest'
import { startWatchdog, watchdogMs } from '../../src/platform/watchdog.ts'
import { aClock } from '../support/builders.ts'

describe('watchdogMs', () => {
  it.each([
    ['what systemd sets', { WATCHDOG_USEC: '20000000', WATCHDOG_PID: '7' }, 20_000],
    ['no process named', { WATCHDOG_USEC: '1500' }, 1.5],
    ['another process', { WATCHDOG_USEC: '20000000', WATCHDOG_PID: '8' }, undefined],
    ['no watchdog', {}, undefined],
    ['zero', { WATCHDOG_USEC: '0' }, undefined],
    ['no number', { WATCHDOG_USEC: '1e3' }, undefined],
  ])('with %s', (_, environment, expected) => {
    expect(watchdogMs(environment, 7)).toBe(expected)
  })
})

function aWatchdog() {
  const clock = aClock()
  const probes: PromiseWithResolvers<undefined>[] = []
  const seen = { beats: 0, failures: 0 }
  const stop = startWatchdog({
    limitMs: 20_000,
    probe: async () => {
      const probe = Promise.withResolvers<undefined>()
      probes.push(probe)
      await probe.promise
    },
    beat: () => seen.beats++,
    failed: () => seen.failures++,
    clock,
  })
  const answer = async (): Promise<void> => {
    probes.at(-1)?.resolve(undefined)
    await clock.advance(0)
  }
  return { clock, probes, seen, stop, answer }
}

describe('startWatchdog', () => {
  it('sends no sign of life before the resolver answered itself', async () => {
    const { clock, seen, probes, answer } = aWatchdog()
    await clock.advance(60_000)
    expect(seen).toEqual({ beats: 0, failures: 0 })
    expect(probes).toHaveLength(1)
    await answer()
    expect(seen.beats).toBe(1)
  })

  it('asks four times as often as systemd waits', async () => {
    const { clock, seen, answer } = aWatchdog()
    await answer()
    for (let turn = 0; turn < 8; turn++) {
      await clock.advance(5_000)
      await answer()
    }
    expect(seen.beats).toBe(9)
  })

  it('is silent for an answer that fails, and asks again', async () => {
    const { clock, seen, probes, answer } = aWatchdog()
    probes[0]?.reject(new Error('nobody listens'))
    await clock.advance(0)
    expect(seen).toEqual({ beats: 0, failures: 1 })
    await clock.advance(5_000)
    await answer()
    expect(seen).toEqual({ beats: 1, failures: 1 })
  })

  it('ends', async () => {
    const { clock, probes, stop, answer } = aWatchdog()
    stop()
    await answer()
    await clock.advance(60_000)
    expect(probes).toHaveLength(1)
  })
})

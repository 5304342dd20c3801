// directory.db follows the store: at once, again after a failure, and not for nothing.
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { indexDirectory } from '../../src/directory/lookup.ts'
import { finish } from '../../src/directory/steps.ts'
import { momentOf, savedMoment } from '../../src/platform/clock.ts'
import type { Content, DurableFile } from '../../src/platform/durable-file.ts'
import { createPublisher } from '../../src/refresh/publisher.ts'
import { createStore } from '../../src/refresh/store.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

function aPublisher(begun = true) {
  const clock = aClock()
  const store = createStore(1)
  const files: Buffer[] = []
  let encode: (() => Promise<Content>) | undefined
  let running: Promise<void> = Promise.resolve()
  let waits = 0
  /** A disk that takes what it is given, one at a time, the latest alone. */
  const file: Pick<DurableFile, 'put' | 'idle' | 'close'> = {
    put: async (next) => {
      encode = next
      waits++
      running = running.then(async () => {
        if (--waits > 0 || encode === undefined) return
        const { bytes, written } = await encode()
        files.push(Buffer.from(bytes))
        written?.()
      })
      await running
      return true
    },
    idle: () => running,
    close: () => running,
  }
  const publisher = createPublisher({
    placed: () => undefined,
    store,
    clock,
    bootClock: () => ({ boot: 7n, ms: clock.monotonic() + 500 }),
    work: (steps) => Promise.resolve(finish(steps)),
    offlineMs: 600_000,
    confirmMs: 60_000,
    file,
  })
  if (begun) publisher.begin()
  const replace = (names: readonly string[]): void => {
    const source = aSource(names.map((name) => aUser({ name })))
    const rules = someRules()
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    const index = indexDirectory(directory)
    store.replace({ directory, index, source, rules, local: noLocal, readAt: momentOf(clock) })
  }
  return { clock, store, files, publisher, replace }
}

describe('createPublisher', () => {
  it('publishes nothing before it is told to begin, then what there is', async () => {
    const { publisher, files, replace } = aPublisher(false)
    replace(['alice'])
    await publisher.settled()
    expect(files).toEqual([])
    publisher.begin()
    await publisher.settled()
    expect(files).toHaveLength(1)
  })

  it('publishes nothing once it is closed', async () => {
    const { publisher, files, replace } = aPublisher()
    await publisher.close()
    replace(['bob'])
    await publisher.settled()
    expect(files).toEqual([])
  })

  it('publishes each directory, with the time of its read and what the door needs', async () => {
    const { publisher, files, replace, clock } = aPublisher()
    replace(['alice'])
    await publisher.settled()
    expect(files).toHaveLength(1)
    expect(files[0]?.readBigInt64LE(32)).toBe(BigInt(clock.now()))
    expect(files[0]?.readBigUInt64LE(104)).toBe(600_000n)
    expect(files[0]?.includes('alice')).toBe(true)
    expect(publisher.last()).toMatchObject({ generation: 1 })
  })

  it('lets the latest win when several come while one is written', async () => {
    const { publisher, files, replace } = aPublisher()
    replace(['alice'])
    replace(['alice', 'bob'])
    replace(['carol'])
    await publisher.settled()
    expect(files).toHaveLength(1)
    expect(files[0]?.includes('carol')).toBe(true)
  })

  it('writes an unchanged directory again only when its time of reading has aged', async () => {
    const { publisher, files, replace, clock, store } = aPublisher()
    replace(['alice'])
    await publisher.settled()
    await clock.advance(59_000)
    store.touch(momentOf(clock))
    await publisher.settled()
    expect(files).toHaveLength(1)
    await clock.advance(1_000)
    store.touch(momentOf(clock))
    await publisher.settled()
    expect(files).toHaveLength(2)
    expect(files[1]?.readBigInt64LE(32)).toBe(BigInt(clock.now()))
  })

  it('says how old the reading is by the clock of the boot, whatever the wall clock was set to', async () => {
    const { publisher, files, replace, clock, store } = aPublisher()
    replace(['alice'])
    const readAt = store.current()?.readAt ?? momentOf(clock)
    await clock.advance(60_000)
    clock.step(-86_400_000)
    replace(['alice', 'bob'])
    store.touch(readAt)
    await publisher.settled()
    const file = files.at(-1)
    expect(file?.readBigInt64LE(32)).toBe(BigInt(clock.now() - 60_000))
    expect(file?.readBigInt64LE(112)).toBe(BigInt(clock.monotonic() + 500 - 60_000))
    expect(file?.readBigUInt64LE(120)).toBe(7n)
  })

  it('leaves a saved time in the future to the wall clock: readers do not call it fresh', async () => {
    const { publisher, files, replace, clock, store } = aPublisher()
    replace(['alice'])
    await clock.advance(60_000)
    store.touch(savedMoment(clock, clock.now() + 1))
    await publisher.settled()
    const file = files.at(-1)
    expect(file?.readBigInt64LE(32)).toBe(BigInt(clock.now() + 1))
    expect(file?.readBigUInt64LE(120)).toBe(0n)
  })
})

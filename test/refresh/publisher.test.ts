// directory.db follows the store: at once, again after a failure, and not for nothing.
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { momentOf, savedMoment, type Moment } from '../../src/platform/clock.ts'
import type { Content, DurableFile } from '../../src/platform/durable-file.ts'
import { wholeOf } from '../../src/platform/replace-file.ts'
import { createPublisher } from '../../src/refresh/publisher.ts'
import { createStore } from '../../src/refresh/store.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

function aPublisher(begun = true) {
  const clock = aClock()
  const store = createStore(1, clock)
  const files: Buffer[] = []
  let encode: (() => Promise<Content>) | undefined
  let running: Promise<void> = Promise.resolve()
  let waits = 0
  /** A disk that takes what it is given, one at a time, the latest alone. */
  const file: Pick<DurableFile, 'put' | 'close'> = {
    put: async (next) => {
      encode = next
      waits++
      running = running.then(async () => {
        if (--waits > 0 || encode === undefined) return
        const { bytes, written, done } = await encode()
        files.push(await wholeOf(bytes))
        written?.()
        done?.()
      })
      await running
      return true
    },
    close: () => running,
  }
  const publisher = createPublisher({
    placed: () => undefined,
    store,
    clock,
    bootClock: () => ({ boot: 7n, ms: clock.monotonic() + 500 }),
    offlineMs: 600_000,
    confirmMs: 60_000,
    file,
  })
  if (begun) publisher.begin()
  const replace = (names: readonly string[]): void => {
    const source = aSource(names.map((name) => aUser({ name })))
    const rules = someRules()
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    const readAt = momentOf(clock)
    store.replace({ directory: viewOf(directory), readAt, leftOutNames: [], unreadOverrides: null })
    void publisher.publish()
  }
  /** The same directory was read again. */
  const touch = (readAt: Moment): void => {
    store.touch(readAt, null)
    publisher.confirm()
  }
  const settled = async (): Promise<void> => {
    await running
  }
  return { clock, store, files, publisher, replace, touch, settled }
}

describe('createPublisher', () => {
  it('publishes nothing before it is told to begin, then what there is', async () => {
    const { files, publisher, replace, settled } = aPublisher(false)
    replace(['alice'])
    await settled()
    expect(files).toEqual([])
    publisher.begin()
    await settled()
    expect(files).toHaveLength(1)
  })

  it('publishes nothing once it is closed', async () => {
    const { files, publisher, replace, settled } = aPublisher()
    await publisher.close()
    replace(['bob'])
    await settled()
    expect(files).toEqual([])
  })

  it('publishes each directory, with the time of its read and what the door needs', async () => {
    const { clock, files, publisher, replace, settled } = aPublisher()
    replace(['alice'])
    await settled()
    expect(files).toHaveLength(1)
    expect(files[0]?.readBigInt64LE(32)).toBe(BigInt(clock.now()))
    expect(files[0]?.readBigUInt64LE(104)).toBe(600_000n)
    expect(files[0]?.includes('alice')).toBe(true)
    expect(publisher.last()).toMatchObject({ generation: 1 })
  })

  it('lets the latest win when several come while one is written', async () => {
    const { files, replace, settled } = aPublisher()
    replace(['alice'])
    replace(['alice', 'bob'])
    replace(['carol'])
    await settled()
    expect(files).toHaveLength(1)
    expect(files[0]?.includes('carol')).toBe(true)
  })

  it('writes an unchanged directory again only when its time of reading has aged', async () => {
    const { clock, files, replace, settled, touch } = aPublisher()
    replace(['alice'])
    await settled()
    await clock.advance(59_000)
    touch(momentOf(clock))
    await settled()
    expect(files).toHaveLength(1)
    await clock.advance(1_000)
    touch(momentOf(clock))
    await settled()
    expect(files).toHaveLength(2)
    expect(files[1]?.readBigInt64LE(32)).toBe(BigInt(clock.now()))
  })

  it('says how old the reading is by the clock of the boot, whatever the wall clock was set to', async () => {
    const { clock, files, replace, settled, store, touch } = aPublisher()
    replace(['alice'])
    const readAt = store.current()?.readAt ?? momentOf(clock)
    await clock.advance(60_000)
    clock.step(-86_400_000)
    replace(['alice', 'bob'])
    touch(readAt)
    await settled()
    const file = files.at(-1)
    expect(file?.readBigInt64LE(32)).toBe(BigInt(clock.now() - 60_000))
    expect(file?.readBigInt64LE(112)).toBe(BigInt(clock.monotonic() + 500 - 60_000))
    expect(file?.readBigUInt64LE(120)).toBe(7n)
  })

  it('leaves a saved time in the future to the wall clock: readers do not call it fresh', async () => {
    const { clock, files, replace, settled, touch } = aPublisher()
    replace(['alice'])
    await clock.advance(60_000)
    touch(savedMoment(clock, clock.now() + 1))
    await settled()
    const file = files.at(-1)
    expect(file?.readBigInt64LE(32)).toBe(BigInt(clock.now() + 1))
    expect(file?.readBigUInt64LE(120)).toBe(0n)
  })
})

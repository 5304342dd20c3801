import { setImmediate as eventsHandled } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createKeyKeeper } from '../../src/keys/keeper.ts'
import { aClock } from '../support/builders.ts'

function aKeeper() {
  const clock = aClock()
  const written: string[] = []
  const write = (name: string) => (): Promise<void> => {
    written.push(name)
    return Promise.resolve()
  }
  const keeper = createKeyKeeper({
    save: write('keys.json'),
    publish: write('keys.db'),
    clock,
    confirmMs: 60_000,
  })
  return { clock, keeper, written }
}

describe('createKeyKeeper', () => {
  it('writes changed keys before it resolves', async () => {
    const { keeper, written } = aKeeper()
    await keeper.read('changed')
    expect(written.toSorted()).toEqual(['keys.db', 'keys.json'])
  })

  it('resolves for changed keys only when both files are written', async () => {
    const ends: (() => void)[] = []
    const write = (): Promise<void> => new Promise((end) => ends.push(end))
    const times = { clock: aClock(), delayMs: 1_000, confirmMs: 60_000 }
    const keeper = createKeyKeeper({ save: write, publish: write, ...times })
    let isTold = false
    const told = keeper.read('changed').then(() => {
      isTold = true
    })
    const [first, second] = ends
    first?.()
    await eventsHandled()
    expect(isTold).toBe(false)
    second?.()
    await told
    expect(isTold).toBe(true)
  })

  it('writes people who come for the first time together, a moment later', async () => {
    const { keeper, written, clock } = aKeeper()
    for (let each = 0; each < 100; each++) await keeper.read('new')
    expect(written).toEqual([])
    await clock.advance(1_000)
    expect(written.toSorted()).toEqual(['keys.db', 'keys.json'])
  })

  it('writes the same keys again only when the times on disk are old', async () => {
    const { keeper, written, clock } = aKeeper()
    await keeper.read('changed')
    for (let each = 0; each < 50; each++) {
      await keeper.read('same')
      await clock.advance(1_000)
    }
    expect(written.length).toBe(2)
    await clock.advance(10_000)
    await keeper.read('same')
    await clock.advance(1_000)
    expect(written.length).toBe(4)
  })

  it('publishes a new directory without saving what did not change', async () => {
    const { keeper, written, clock } = aKeeper()
    keeper.directoryChanged()
    await clock.advance(0)
    expect(written).toEqual(['keys.db'])
  })

  it('writes at the end what waits', async () => {
    const { keeper, written } = aKeeper()
    await keeper.read('new')
    await keeper.close()
    expect(written).toContain('keys.db')
    expect(written).toContain('keys.json')
  })

  it('writes nothing over the files of whoever comes next', async () => {
    const { keeper, written, clock } = aKeeper()
    await keeper.close()
    const before = written.length
    await keeper.read('new')
    await keeper.read('changed')
    keeper.directoryChanged()
    await clock.advance(60_000)
    expect(written.length).toBe(before)
  })
})

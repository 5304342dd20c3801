import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Log } from '../../src/platform/log.ts'
import {
  AbortError,
  createNotifier,
  type Delivery,
  type NotifierDeps,
} from '../../src/notify/notifier.ts'
import { silentLog } from '../../src/platform/log.ts'
import { aLoss, alicesSubject } from '../support/audit.ts'

// p-retry takes its time from setTimeout and performance.now: the test moves both.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

type Outcome = 'taken' | 'broken' | 'refused' | 'hanging'

function aReceiver(outcomes: Outcome[] = []) {
  const state = {
    /** What comes of the next tries; of all after them: `otherwise`. */
    outcomes,
    otherwise: 'taken' as Outcome,
    tries: [] as { readonly at: number; readonly id: string; readonly user: string }[],
    taken: [] as string[],
    now: 0,
    most: 0,
  }
  const errors: { readonly fields: Readonly<Record<string, unknown>>; readonly message: string }[] =
    []
  const log: Log = { ...silentLog, error: (fields, message) => errors.push({ fields, message }) }
  let ids = 0
  const send = async (delivery: Delivery, signal: AbortSignal): Promise<void> => {
    const user = 'subject' in delivery.event ? delivery.event.subject.linuxUser : ''
    state.tries.push({ at: performance.now(), id: delivery.id, user })
    state.now++
    state.most = Math.max(state.most, state.now)
    const outcome = state.outcomes.shift() ?? state.otherwise
    await Promise.resolve()
    try {
      if (outcome === 'hanging')
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'))
          })
        })
      if (outcome === 'broken') throw new Error('500')
      if (outcome === 'refused') throw new AbortError(new Error('400'))
      state.taken.push(user)
    } finally {
      state.now--
    }
  }
  const make = (deps: Partial<NotifierDeps> = {}) =>
    createNotifier({
      send,
      events: ['access-lost'],
      document: (event) => ({ action: event.action }),
      newId: () => `delivery-${++ids}`,
      log,
      queueMax: 1_000,
      pauseMs: 1_000,
      giveUpMs: 600_000,
      tryMs: 3_600_000,
      closeMs: 2_000,
      ...deps,
    })
  return { state, errors, make }
}

const tell = (notifier: ReturnType<typeof createNotifier>, ...users: readonly string[]): void => {
  for (const linuxUser of users) notifier.notify(aLoss({ linuxUser }))
}
/** Lets everything happen that is due within `ms`. */
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

describe('notify', () => {
  it('sends the events that were chosen, and no others', async () => {
    const { state, make } = aReceiver()
    const notifier = make()
    tell(notifier, 'alice')
    notifier.notify({
      action: 'key-offered',
      at: 1,
      subject: { ...alicesSubject, linuxUser: 'mallory' },
      key: { fingerprint: 'SHA256:x', type: 'ssh-rsa' },
      reason: '',
      stale: false,
    })
    await pass(0)
    expect(state.taken).toEqual(['alice'])
  })

  it('sends them in order, one at a time', async () => {
    const { state, make } = aReceiver(['broken', 'taken', 'broken', 'broken'])
    const users = ['alice', 'bob', 'carol', 'dave']
    tell(make(), ...users)
    await pass(60_000)
    expect(state.taken).toEqual(users)
    expect(state.most).toBe(1)
  })

  it('does not hold up who tells', () => {
    const { state, make } = aReceiver()
    state.otherwise = 'hanging'
    const notifier = make()
    for (let n = 0; n < 10_000; n++) tell(notifier, 'alice')
    expect(state.taken).toEqual([])
  })

  it('never throws into who tells, not even for a document that cannot be spelled', async () => {
    const { state, errors, make } = aReceiver(['refused'])
    const notifier = make({
      document: (event) => ('subject' in event && event.subject.linuxUser === 'odd' ? 1n : {}),
    })
    expect(() => {
      tell(notifier, 'alice', 'odd', 'bob')
    }).not.toThrow()
    await pass(0)
    expect(state.taken).toEqual(['bob'])
    expect(notifier.dropped()).toBe(2)
    expect(errors).toHaveLength(2)
  })

  it('tries again until it is taken, the same delivery each time', async () => {
    const { state, make } = aReceiver(Array.from({ length: 12 }, () => 'broken'))
    const notifier = make({ giveUpMs: 3_600_000 })
    tell(notifier, 'alice', 'bob')
    await pass(3_600_000)
    expect(state.taken).toEqual(['alice', 'bob'])
    expect(state.tries.map(({ id }) => id)).toEqual([
      ...Array.from({ length: 13 }, () => 'delivery-1'),
      'delivery-2',
    ])
    expect(notifier.dropped()).toBe(0)
  })

  it.each([
    [0, [1, 2, 4, 8, 16, 32, 60, 60]],
    [0.5, [1.5, 3, 6, 12, 24, 48, 60, 60]],
  ])('doubles the pause up to a minute, with jitter (%d)', async (random, seconds) => {
    vi.spyOn(Math, 'random').mockReturnValue(random)
    const { state, make } = aReceiver()
    state.otherwise = 'broken'
    tell(make(), 'alice')
    await pass(300_000)
    const at = state.tries.map((each) => each.at)
    const pauses = at.slice(1).map((each, n) => (each - (at[n] ?? 0)) / 1_000)
    expect(pauses.slice(0, seconds.length)).toEqual(seconds)
  })

  it('gives an event up when its time has passed, says so, and goes on with the next', async () => {
    const { state, errors, make } = aReceiver()
    state.otherwise = 'broken'
    const notifier = make()
    tell(notifier, 'alice', 'bob')
    await pass(600_000)
    expect(notifier.dropped()).toBe(1)
    expect(errors).toMatchObject([
      { fields: { action: 'access-lost', delivery: 'delivery-1', dropped: 1 } },
    ])
    state.otherwise = 'taken'
    await pass(120_000)
    expect(state.taken).toEqual(['bob'])
  })

  it('gives up at once what will be refused again', async () => {
    const { state, errors, make } = aReceiver(['refused'])
    const notifier = make()
    tell(notifier, 'alice', 'bob')
    await pass(0)
    expect(state.taken).toEqual(['bob'])
    expect(notifier.dropped()).toBe(1)
    expect(errors).toMatchObject([{ fields: { err: { message: '400' } } }])
  })

  it('ends a try that nobody answers, and tries again', async () => {
    const { state, make } = aReceiver(['hanging'])
    tell(make({ tryMs: 1 }), 'alice')
    await vi.waitUntil(() => state.now === 0 && state.tries.length === 1)
    await pass(2_000)
    expect(state.taken).toEqual(['alice'])
  })

  it('drops the oldest that waits, not the one on its way, when too many do', async () => {
    const { state, errors, make } = aReceiver(['broken'])
    const notifier = make({ queueMax: 3 })
    tell(notifier, 'first', 'second', 'third', 'fourth', 'fifth')
    expect(notifier.dropped()).toBe(2)
    expect(errors.map(({ fields }) => fields['delivery'])).toEqual(['delivery-2', 'delivery-3'])
    await pass(2_000)
    expect(state.taken).toEqual(['first', 'fourth', 'fifth'])
  })
})

describe('close', () => {
  it('waits for what is on its way', async () => {
    const { state, make } = aReceiver(['broken'])
    const notifier = make()
    tell(notifier, 'alice', 'bob')
    await pass(0)
    const closed = notifier.close()
    await pass(2_000)
    await closed
    expect(state.taken).toEqual(['alice', 'bob'])
    expect(notifier.dropped()).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each<Outcome>(['broken', 'hanging'])(
    'gives up a moment later what is still there, in the middle of a pause or a try (%s)',
    async (outcome) => {
      const { state, errors, make } = aReceiver()
      state.otherwise = outcome
      const notifier = make({ pauseMs: 60_000 })
      tell(notifier, 'alice', 'bob', 'carol')
      await pass(0)
      const closed = notifier.close()
      await pass(2_000)
      await closed
      expect(state.tries).toHaveLength(1)
      expect(notifier.dropped()).toBe(3)
      expect(errors.map(({ fields }) => fields['delivery'])).toEqual([
        'delivery-1',
        'delivery-2',
        'delivery-3',
      ])
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('ends at once when nothing waits', async () => {
    const { make } = aReceiver()
    await make().close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

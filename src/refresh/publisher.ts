// Publishes directory.db whenever the store changes: one at a time, the latest wins.
import { reservedNames } from '../directory/username.ts'
import type { Clock, Moment } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Work } from '../platform/turns.ts'
import { encodeSteps } from '../snapshot/format.ts'
import type { Current, Store } from './store.ts'

export type Published = {
  readonly generation: number
  readonly at: number
  readonly tookMs: number
}

export type Publisher = {
  /** From here on; what the store got before is published now. */
  readonly begin: () => void
  /** The last one that is in place; null before the first. */
  readonly last: () => Published | null
  /** Waits for what is under way. */
  readonly settled: () => Promise<void>
  /** Waits for what is under way; nothing is published afterwards. */
  readonly close: () => Promise<void>
}

const retryMs = 10_000

/** Names that are surely nobody of ours. */
function strangersOf({ local, index }: Current): readonly string[] {
  const names = new Set([...reservedNames, ...local.users.keys(), ...local.groups.keys()])
  return [...names].filter((name) => index.groupByName(name) === undefined)
}

/** Subscribes to the store. A failure is told and tried again; readers keep the last file meanwhile. */
export function createPublisher(deps: {
  readonly store: Store
  readonly publish: (bytes: Buffer) => Promise<void>
  readonly clock: Clock
  readonly work: Work
  readonly log: Log
  /** `source.offline`: goes into the file for the door. */
  readonly offlineMs: number
  /** How much older than the last read the time in the file may be. */
  readonly confirmMs: number
}): Publisher {
  const { clock } = deps
  let last: (Published & { readonly readAt: Moment }) | null = null
  let wanted: Current | undefined
  let running: Promise<void> | undefined
  let begun = false
  let closed = false

  const publish = async (current: Current): Promise<void> => {
    const { directory, index, generation, readAt, rules } = current
    const startedAt = clock.monotonic()
    const strangers = strangersOf(current)
    const { offlineMs } = deps
    const times = { readAt: readAt.wall, offlineMs }
    const input = { directory, index, generation, ...times, ids: rules.ids, strangers }
    await deps.publish(await deps.work(encodeSteps(input)))
    last = { generation, at: clock.now(), tookMs: clock.monotonic() - startedAt, readAt }
  }

  const run = async (): Promise<void> => {
    while (wanted !== undefined) {
      const current = wanted
      wanted = undefined
      try {
        await publish(current)
      } catch (error) {
        deps.log.error(
          { err: error },
          'publishing directory.db failed: programs go on with the last one; trying again in 10 s',
        )
        clock.after(retryMs, () => {
          want(deps.store.current() ?? current)
        })
      }
    }
    running = undefined
  }

  const want = (current: Current): void => {
    if (closed) return
    wanted = current
    if (begun) running ??= run()
  }

  deps.store.subscribe((now, before) => {
    const isTouch = now.generation === before?.generation
    if (isTouch && last !== null && now.readAt.monotonic - last.readAt.monotonic < deps.confirmMs)
      return
    want(now)
  })
  const settled = (): Promise<void> => running ?? Promise.resolve()
  return {
    begin: () => {
      begun = true
      if (wanted !== undefined) running ??= run()
    },
    last: () => last,
    settled,
    close: () => {
      closed = true
      return settled()
    },
  }
}

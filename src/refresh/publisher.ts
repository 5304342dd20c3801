// Publishes directory.db whenever the store changes: one at a time, the latest wins.
import type { Log } from '../platform/log.ts'
import { encodeSnapshot } from '../snapshot/format.ts'
import type { Current, Store } from './store.ts'

export type Published = {
  readonly generation: number
  readonly at: number
  readonly tookMs: number
}

export type Publisher = {
  /** The last one that is in place; null before the first. */
  readonly last: () => Published | null
  /** Waits for what is under way. */
  readonly settled: () => Promise<void>
}

/** Subscribes to the store. A failure is told; the socket answers meanwhile. */
export function createPublisher(deps: {
  readonly store: Store
  readonly publish: (bytes: Buffer) => Promise<void>
  readonly now: () => number
  readonly log: Log
}): Publisher {
  let last: Published | null = null
  let wanted: Current | undefined
  let running: Promise<void> | undefined

  const run = async (): Promise<void> => {
    while (wanted !== undefined) {
      const { directory, index, generation, readAt, rules } = wanted
      wanted = undefined
      const startedAt = deps.now()
      try {
        await deps.publish(encodeSnapshot({ directory, index, generation, readAt, ids: rules.ids }))
        last = { generation, at: deps.now(), tookMs: deps.now() - startedAt }
      } catch (error) {
        deps.log.error({ err: error }, 'publishing directory.db failed: lookups go over the socket')
      }
    }
    running = undefined
  }

  deps.store.subscribe((now) => {
    wanted = now
    running ??= run()
  })
  return { last: () => last, settled: () => running ?? Promise.resolve() }
}

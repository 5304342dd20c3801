// Publishes directory.db whenever the store changes: one at a time, the latest wins.
import { reservedNames, serviceNames } from '../directory/username.ts'
import { bootTimeOf, type BootClock } from '../platform/boot-time.ts'
import { wallOf, type Clock, type Moment } from '../platform/clock.ts'
import type { Content, DurableFile } from '../platform/durable-file.ts'
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

/** Names that are surely nobody of ours. */
function strangersOf({ local, index, rules }: Current): readonly string[] {
  const names = new Set([
    ...reservedNames,
    ...serviceNames,
    ...rules.reservedNames,
    ...local.sysusers.keys(),
    ...local.users.keys(),
    ...local.groups.keys(),
  ])
  return [...names].filter((name) => index.groupByName(name) === undefined)
}

/** Subscribes to the store. A write that fails is tried until it succeeds; readers keep the last file. */
export function createPublisher(deps: {
  readonly store: Store
  readonly file: Pick<DurableFile, 'put' | 'idle' | 'close'>
  /** Called each time another directory.db is in place. */
  readonly placed: () => void
  readonly clock: Clock
  readonly bootClock: BootClock
  readonly work: Work
  /** `source.offline`: goes into the file for the door. */
  readonly offlineMs: number
  /** How much older than the last read the time in the file may be. */
  readonly confirmMs: number
}): Publisher {
  const { clock, file } = deps
  let last: (Published & { readonly readAt: Moment }) | null = null
  let begun = false
  let closed = false

  const encode = async (current: Current): Promise<Content> => {
    const { directory, index, generation, readAt, rules } = current
    const startedAt = clock.monotonic()
    const strangers = strangersOf(current)
    const readBootTime = bootTimeOf(readAt, clock, deps.bootClock)
    const times = { readAt: wallOf(clock, readAt), readBootTime, offlineMs: deps.offlineMs }
    const input = { directory, index, generation, ...times, ids: rules.ids, strangers }
    return {
      bytes: await deps.work(encodeSteps(input)),
      written: () => {
        deps.placed()
        last = { generation, at: clock.now(), tookMs: clock.monotonic() - startedAt, readAt }
      },
    }
  }

  const want = (current: Current): void => {
    if (begun && !closed) void file.put(() => encode(deps.store.current() ?? current))
  }

  deps.store.subscribe((now, before) => {
    const isTouch = now.generation === before?.generation
    const isConfirmed =
      last !== null && now.readAt.monotonic - last.readAt.monotonic < deps.confirmMs
    if (!isTouch || !isConfirmed) want(now)
  })
  return {
    begin: () => {
      begun = true
      const current = deps.store.current()
      if (current !== undefined) want(current)
    },
    last: () => last,
    settled: file.idle,
    close: async () => {
      closed = true
      await file.close()
    },
  }
}

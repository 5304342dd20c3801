// Publishes directory.db: one at a time, the latest wins.
import { bootTimeOf, type BootClock } from '../platform/boot-time.ts'
import { wallOf, type Clock, type Moment } from '../platform/clock.ts'
import type { Content, DurableFile } from '../platform/durable-file.ts'
import { stamped } from '../snapshot/format.ts'
import type { Current, Store } from './store.ts'

/** Files that tell when the source was read need not be written at each read. */
export function confirmMsOf(offlineMs: number): number {
  return Math.min(confirmMaxMs, offlineMs / 10)
}

const confirmMaxMs = 3_600_000

export type Published = {
  readonly generation: number
  readonly at: number
  readonly tookMs: number
}

export type Publisher = {
  /** From here on; what the store got before is published now. */
  readonly begin: () => void
  /** Writes what the store holds; resolves when that is in place, or could not be put there. */
  readonly publish: () => Promise<void>
  /** Writes it again where the time in the file is too old. */
  readonly confirm: () => void
  /** The last one that is in place; null before the first. */
  readonly last: () => Published | null
  /** Waits for what is under way; nothing is published afterwards. */
  readonly close: () => Promise<void>
}

/** Makes the publisher. A write that fails is tried until it succeeds; readers keep the last file. */
export function createPublisher(deps: {
  readonly store: Store
  readonly file: Pick<DurableFile, 'put' | 'close'>
  /** Called each time another directory.db is in place. */
  readonly placed: () => void
  readonly clock: Clock
  readonly bootClock: BootClock
  /** `source.offline`: goes into the file for the door. */
  readonly offlineMs: number
  /** How much older than the last read the time in the file may be. */
  readonly confirmMs: number
}): Publisher {
  const { clock, file } = deps
  let last: (Published & { readonly readAt: Moment }) | null = null
  let begun = false
  let closed = false

  const encode = ({ directory, generation, readAt }: Current): Content => {
    const startedAt = clock.monotonic()
    const readBootTime = bootTimeOf(readAt, clock, deps.bootClock)
    const times = { readAt: wallOf(clock, readAt), readBootTime, offlineMs: deps.offlineMs }
    return {
      bytes: stamped(directory.snapshot, { generation, ...times }),
      done: directory.retain(),
      written: () => {
        deps.placed()
        last = { generation, at: clock.now(), tookMs: clock.monotonic() - startedAt, readAt }
      },
    }
  }

  const publish = async (): Promise<void> => {
    const current = deps.store.current()
    if (current !== undefined && begun && !closed)
      await file.put(() => Promise.resolve(encode(deps.store.current() ?? current)))
  }

  return {
    begin: () => {
      begun = true
      void publish()
    },
    publish,
    confirm: () => {
      const readAt = deps.store.current()?.readAt.monotonic ?? 0
      if (last === null || readAt - last.readAt.monotonic >= deps.confirmMs) void publish()
    },
    last: () => last,
    close: async () => {
      closed = true
      await file.close()
    },
  }
}

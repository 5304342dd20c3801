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

export type PublisherDeps = {
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
}

type Self = {
  readonly deps: PublisherDeps
  last: (Published & { readonly readAt: Moment }) | null
  hasBegun: boolean
  isClosed: boolean
}

function encode(self: Self, { directory, generation, readAt }: Current): Content {
  const { clock, bootClock, offlineMs, placed } = self.deps
  const startedAt = clock.monotonic()
  const readBootTime = bootTimeOf(readAt, clock, bootClock)
  const times = { readAt: wallOf(clock, readAt), readBootTime, offlineMs }
  return {
    bytes: stamped(directory.snapshot, { generation, ...times }),
    done: directory.retain(),
    written: () => {
      placed()
      self.last = { generation, at: clock.now(), tookMs: clock.monotonic() - startedAt, readAt }
    },
  }
}

async function publish(self: Self): Promise<void> {
  const { store, file } = self.deps
  const current = store.current()
  if (current !== undefined && self.hasBegun && !self.isClosed)
    await file.put(() => Promise.resolve(encode(self, store.current() ?? current)))
}

/** Makes the publisher. A write that fails is tried until it succeeds; readers keep the last file. */
export function createPublisher(deps: PublisherDeps): Publisher {
  const self: Self = { deps, last: null, hasBegun: false, isClosed: false }
  return {
    begin: () => {
      self.hasBegun = true
      void publish(self)
    },
    publish: () => publish(self),
    confirm: () => {
      const { last } = self
      const readAt = deps.store.current()?.readAt.monotonic ?? 0
      if (last === null || readAt - last.readAt.monotonic >= deps.confirmMs) void publish(self)
    },
    last: () => self.last,
    close: async () => {
      self.isClosed = true
      await deps.file.close()
    },
  }
}

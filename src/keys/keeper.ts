// Keeps what is known of people's keys on disk: keys.json for the resolver's own next run, keys.db
// for the key command while no resolver answers.
import type { Clock } from '../platform/clock.ts'

export type KeyKeeper = {
  /** Of a person: unknown before, other keys than before, or the same ones read again. */
  readonly read: (what: 'new' | 'changed' | 'same') => Promise<void>
  /** The directory changed. */
  readonly directoryChanged: () => void
  /** Writes what is known a last time; nothing is written afterwards. */
  readonly close: () => Promise<void>
}

/** Keys of people read for the first time are written together after this. */
const delayMs = 1_000

/** Makes the keeper. A write that fails is tried until it succeeds, and no reason to refuse a login. */
export function createKeyKeeper(deps: {
  /** Writes keys.json; never rejects. */
  readonly save: () => Promise<void>
  /** Writes keys.db; never rejects. */
  readonly publish: () => Promise<void>
  readonly clock: Clock
  /** How much older than the last reading the times on disk may be. */
  readonly confirmMs: number
}): KeyKeeper {
  const { clock } = deps
  let writtenAt = Number.NEGATIVE_INFINITY
  let waiting = false
  let closed = false

  const write = async (): Promise<void> => {
    waiting = false
    writtenAt = clock.monotonic()
    await Promise.all([deps.publish(), deps.save()])
  }
  const soon = (): void => {
    if (waiting) return
    waiting = true
    clock.after(delayMs, () => {
      if (waiting) void write()
    })
  }

  return {
    read: async (what) => {
      if (closed) return
      if (what === 'changed') await write()
      else if (what === 'new' || clock.monotonic() - writtenAt >= deps.confirmMs) soon()
    },
    directoryChanged: () => {
      if (!closed) void deps.publish()
    },
    close: async () => {
      closed = true
      // After one that a timer began, which must not be cut by the end of the process.
      await write()
    },
  }
}

// Keeps what is known of people's keys on disk: keys.json for the resolver's own next run, keys.db
// for the key command while no resolver answers.
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

export type KeyKeeper = {
  /** Of a person: unknown before, other keys than before, or the same ones read again. */
  readonly read: (what: 'new' | 'changed' | 'same') => Promise<void>
  /** Who exists here, or who may share an account, is another now. */
  readonly directoryChanged: () => void
  /** Writes what is known a last time; nothing is written afterwards. */
  readonly close: () => Promise<void>
}

/** Runs `write` one at a time; whoever asks meanwhile shares the next run. Never rejects. */
function createTurns(write: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = (): Promise<void> => {
    running = write().finally(() => {
      running = undefined
    })
    return running
  }
  return () => {
    if (running === undefined) return start()
    next ??= running.then(() => {
      next = undefined
      return start()
    })
    return next
  }
}

/** Makes the keeper. A failure to write is told, and never a reason to refuse a login. */
export function createKeyKeeper(deps: {
  /** Writes keys.json. */
  readonly save: () => Promise<void>
  /** Writes keys.db. */
  readonly publish: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
  /** People who come for the first time are written together after this. */
  readonly delayMs: number
  /** How much older than the last reading the times on disk may be. */
  readonly confirmMs: number
}): KeyKeeper {
  const { clock, log } = deps
  let writtenAt = Number.NEGATIVE_INFINITY
  let waiting = false
  let closed = false

  const tolerate = (write: () => Promise<void>, what: string) => async (): Promise<void> => {
    await write().catch((error: unknown) => {
      log.error({ err: error }, `${what} failed: a restart or an outage would not know the keys`)
    })
  }
  const publish = createTurns(tolerate(deps.publish, 'publishing keys.db'))
  const save = createTurns(tolerate(deps.save, 'saving keys.json'))

  const write = async (): Promise<void> => {
    waiting = false
    writtenAt = clock.monotonic()
    await Promise.all([publish(), save()])
  }
  const soon = (): void => {
    if (waiting) return
    waiting = true
    clock.after(deps.delayMs, () => {
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
      if (!closed) void publish()
    },
    close: async () => {
      closed = true
      // After one that a timer began, which must not be cut by the end of the process.
      await write()
    },
  }
}

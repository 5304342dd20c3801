// Caches of names that other programs on this host keep (nscd): they are emptied at each change of
// directory.db, by the root helper. nscd on Debian keeps groups for an hour, and with them sudo.
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

export type NameCaches = {
  /** directory.db was put in place: empties them, now and once more a moment later. */
  readonly changed: () => void
  /** Resolves when nothing is being emptied, or after 4 s: what is looked up then is the new directory. */
  readonly idle: () => Promise<void>
  /** For status: which caches there are, or why they cannot be emptied. */
  readonly notices: () => readonly string[]
}

/** A lookup that read the file of before may be stored by nscd after it was emptied. */
const againMs = 2_000

/** A cache that hangs holds up nothing else for longer. */
const patienceMs = 4_000

/** Makes the emptier. Those who ask while it runs share one further run. */
export function createNameCaches(deps: {
  /** Empties every cache; gives the names of those that are there. */
  readonly empty: () => Promise<readonly string[]>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}): NameCaches {
  const { clock, log } = deps
  let notice: string | undefined
  let running: Promise<void> | undefined
  let asked = 0
  let cancel: (() => void) | undefined

  const tell = (sentence: string | undefined, error?: unknown): void => {
    if (sentence === notice) return
    notice = sentence
    if (sentence === undefined) log.info({}, 'no program on this host caches names any more')
    else if (error === undefined) log.info({}, sentence)
    else log.warn({ err: error }, sentence)
  }

  const emptyOnce = async (): Promise<void> => {
    try {
      const names = await deps.empty()
      tell(
        names.length === 0
          ? undefined
          : `${names.join(', ')} caches names on this host: emptied at each change of the directory`,
      )
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      tell(
        `caches of names on this host cannot be emptied: nscd, where it runs, goes on with people and groups of before (${reason})`,
        error,
      )
    }
  }

  const run = async (): Promise<void> => {
    for (let done = asked - 1; done < asked;) {
      done = asked
      await emptyOnce()
    }
    running = undefined
  }

  const start = (): void => {
    asked++
    running ??= run()
  }

  return {
    changed: () => {
      start()
      cancel?.()
      cancel = clock.after(againMs, start)
    },
    idle: () =>
      running === undefined
        ? Promise.resolve()
        : new Promise((resolve) => {
            const cancelWait = clock.after(patienceMs, resolve)
            void running?.then(() => {
              cancelWait()
              resolve()
            })
          }),
    notices: () => (notice === undefined ? [] : [notice]),
  }
}

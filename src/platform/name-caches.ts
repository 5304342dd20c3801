// Caches of names that other programs on this host keep (nscd): they are emptied at each change of
// directory.db, by the root helper. nscd on Debian keeps groups for an hour, and with them sudo.
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { createSharedRun } from './shared-run.ts'
import { within } from './within.ts'

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

export type NameCachesDeps = {
  /** Empties every cache; gives the names of those that are there. */
  readonly empty: () => Promise<readonly string[]>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

type Self = {
  readonly deps: NameCachesDeps
  notice: string | undefined
  cancel: (() => void) | undefined
}

function note(self: Self, sentence: string | undefined, error?: unknown): void {
  const { log } = self.deps
  if (sentence === self.notice) return
  self.notice = sentence
  if (sentence === undefined) log.info({}, 'no program on this host caches names any more')
  else if (error === undefined) log.info({}, sentence)
  else log.warn({ err: error }, sentence)
}

async function emptyOnce(self: Self): Promise<void> {
  try {
    const names = await self.deps.empty()
    const found = `${names.join(', ')} caches names on this host: emptied at each change of the directory`
    note(self, names.length === 0 ? undefined : found)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    note(
      self,
      `caches of names on this host cannot be emptied: nscd, where it runs, goes on with people and groups of before (${reason})`,
      error,
    )
  }
}

/** Makes the emptier. Calls that come while it runs share one further run. */
export function createNameCaches(deps: NameCachesDeps): NameCaches {
  const { clock } = deps
  const self: Self = { deps, notice: undefined, cancel: undefined }
  const runs = createSharedRun(() => emptyOnce(self))
  return {
    changed: () => {
      void runs.next()
      self.cancel?.()
      self.cancel = clock.after(againMs, () => void runs.next())
    },
    idle: async () => {
      await within(clock, patienceMs, runs.idle(), () => undefined)
    },
    notices: () => (self.notice === undefined ? [] : [self.notice]),
  }
}

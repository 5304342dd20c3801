// What a resolver goes on from: what the last run saved on disk, or the resolver before it in the same
// process. Of another source than the configured one nothing serves; ids stay given all the same.
import type { Config } from './config/config.ts'
import type { Paths } from './config/paths.ts'
import type { KnownCredentials } from './keys/lookup.ts'
import { createKeysFile, shutPeople, type KeysFile, type SavedCredentials } from './keys/state.ts'
import type { Clock } from './platform/clock.ts'
import type { HeldBytes } from './platform/held-bytes.ts'
import type { Log } from './platform/log.ts'
import type { ReadSource } from './refresh/reader.ts'
import { createRefresher, type Handover } from './refresh/refresh.ts'
import { holdFile, statePath } from './refresh/state-file.ts'
import type { Resumed } from './resume.ts'
import { createStore, type Current } from './refresh/store.ts'
import { snapshotPath } from './snapshot/publish.ts'
import { originOf } from './sources/origin.ts'

export type Inheritance = {
  /** Names the source that it was read from. */
  readonly origin: string
  /** From the resolver before in this process, which had another configuration; else from the last run. */
  readonly isReload: boolean
  /** Nothing was built: /etc/passwd and /etc/group may be others by now. */
  readonly isResumed: boolean
  /** This host knew something before, of this source or another. */
  readonly hadState: boolean
  readonly handover: Handover
  /** directory.json; undefined where there is none. */
  readonly state: HeldBytes | undefined
  readonly keys: readonly KnownCredentials[]
  /** What was lost on disk, for status. */
  readonly notices: readonly string[]
  /** Larger than any of an earlier run. */
  readonly generation: number
  /** Ends when the one before has looked at every account that lost access. */
  readonly watching: Promise<void>
}

type Tell = (sentence: string, error?: unknown) => void

/** Logs a sentence and keeps it in `notices`. */
function teller(notices: string[], log: Log): Tell {
  return (sentence, error) => {
    notices.push(sentence)
    log.warn(error === undefined ? {} : { err: error }, sentence)
  }
}

/** What a damaged state file costs: a message and a fresh start, never the resolver. */
async function tolerant<T>(load: Promise<T>, otherwise: T, tell: Tell): Promise<T> {
  try {
    return await load
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error), error)
    return otherwise
  }
}

export type LastRunDeps = {
  readonly config: Config
  readonly paths: Paths
  readonly reader: ReadSource
  readonly clock: Clock
  readonly log: Log
}

type Restored = Pick<Inheritance, 'handover' | 'hadState' | 'state'>

const noHandover: Handover = {
  current: undefined,
  savedReadAt: Number.NEGATIVE_INFINITY,
  doubt: undefined,
  unread: undefined,
  snapshot: undefined,
}

/** The directory of the last run, built by the rules of now. Nothing is written: another resolver may run. */
async function restoreDirectory(
  { config, paths: { stateDir }, reader, clock, log }: LastRunDeps,
  generation: number,
  tell: Tell,
): Promise<Restored> {
  let state = await holdFile(statePath(stateDir))
  const refresher = createRefresher({
    ...{ config, reader, clock, log },
    store: createStore(generation, clock),
    state: {
      held: () => state,
      save: (bytes) => {
        state?.close()
        state = bytes
        return Promise.resolve(false)
      },
    },
    audit: () => undefined,
    confirmMs: 0,
    publish: () => Promise.resolve(),
    touched: () => undefined,
    settled: () => Promise.resolve(),
  })
  const snapshot = await holdFile(snapshotPath(stateDir))
  refresher.inherit({ ...noHandover, snapshot })
  const nothing = { hadState: false, losses: [] }
  const { hadState, losses } = await tolerant(refresher.restore(), nothing, tell)
  for (const loss of losses) tell(loss)
  return { handover: refresher.handOver(), hadState, state }
}

/** The keys of the last run; what keys.json lost, keys.db gives back. */
async function loadKeys(
  file: KeysFile,
  deps: {
    readonly offlineMs: number
    readonly current: Current | undefined
    readonly tell: Tell
  },
): Promise<readonly SavedCredentials[]> {
  const { current, tell } = deps
  const loaded = await tolerant(file.load(), undefined, tell)
  if (loaded !== undefined) return loaded
  const idOf = (uid: number): string | undefined => current?.directory.accountByUid(uid)?.user.id
  const people = await file.salvage(deps.offlineMs, idOf)
  if (people !== undefined) {
    tell(`keys.json is lost: the keys of ${people.length} people are restored from keys.db`)
    return people
  }
  if (current === undefined) return []
  tell('keys.json and keys.db are lost: nobody enters before the source is asked for their keys')
  return shutPeople(current.directory, current.readAt.wall)
}

/** What the last run saved. @param resumed what it served, where that can go on */
export async function loadLastRun(deps: LastRunDeps, resumed?: Resumed): Promise<Inheritance> {
  const { config, paths, clock, log } = deps
  const notices: string[] = []
  const tell = teller(notices, log)
  const generation = Math.floor(clock.now() / 1000)
  const restored =
    resumed === undefined
      ? await restoreDirectory(deps, generation, tell)
      : { ...resumed, hadState: true }
  const { current } = restored.handover
  const origin = originOf(config)
  const keysFile = createKeysFile(paths.stateDir, origin, { clock, log })
  const keys = await loadKeys(keysFile, { offlineMs: config.source.offlineMs, current, tell })
  return {
    handover: restored.handover,
    state: restored.state,
    hadState: restored.hadState,
    ...{ origin, keys, notices, generation },
    isReload: false,
    isResumed: resumed !== undefined,
    watching: Promise.resolve(),
  }
}

/** Without what was read from another source than `origin`. */
export function ofOrigin(inherited: Inheritance, origin: string): Inheritance {
  if (inherited.origin === origin) return inherited
  const { savedReadAt, snapshot } = inherited.handover
  snapshot?.close()
  return { ...inherited, handover: { ...noHandover, savedReadAt }, keys: [] }
}

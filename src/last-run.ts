// What a resolver goes on from: what the last run saved on disk, or the resolver before it in the same
// process. Of another source than the configured one nothing serves; ids stay given all the same.
import type { Config } from './config/config.ts'
import type { Paths } from './config/paths.ts'
import type { DirectoryRules, Pins } from './directory/types.ts'
import type { KnownCredentials } from './keys/lookup.ts'
import { createKeysFile, shutPeople, type KeysFile, type SavedCredentials } from './keys/state.ts'
import type { Clock } from './platform/clock.ts'
import type { Log } from './platform/log.ts'
import { inTurns } from './platform/turns.ts'
import type { Handover } from './refresh/refresh.ts'
import { salvageDirectory } from './refresh/salvage.ts'
import {
  createStateFile,
  type LoadedState,
  type SavedDirectory,
  type StateFile,
} from './refresh/state.ts'
import { readSnapshot } from './snapshot/publish.ts'
import { originOf } from './sources/create.ts'

export type Inheritance = {
  /** Names the source that it was read from. */
  readonly origin: string
  readonly pins: Pins
  /** Of the last run. */
  readonly saved: SavedDirectory | undefined
  /** This host knew something before, of this source or another. */
  readonly hadState: boolean
  /** Of the resolver before in this process; undefined at a start. */
  readonly handover: Handover | undefined
  readonly keys: readonly KnownCredentials[]
  /** What was lost on disk, for status. */
  readonly notices: readonly string[]
  /** Larger than any of an earlier run. */
  readonly generation: number
  /** Ends when the one before has looked at everybody who lost access. */
  readonly watching: Promise<void>
}

export type Tell = (sentence: string, error?: unknown) => void

/** For IMDS, when the rules are needed before the first read. */
const tagsTimeoutMs = 10_000

/** Logs a sentence and keeps it in `notices`. */
export function teller(notices: string[], log: Log): Tell {
  return (sentence, error) => {
    notices.push(sentence)
    log.warn(error === undefined ? {} : { err: error }, sentence)
  }
}

/** What a damaged state file costs: a message and a fresh start, never the resolver. */
export async function tolerant<T>(load: Promise<T>, otherwise: T, tell: Tell): Promise<T> {
  try {
    return await load
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error), error)
    return otherwise
  }
}

type StateDeps = {
  readonly config: Config
  readonly paths: Paths
  readonly clock: Clock
  readonly log: Log
}

/** The files of what only the resolver reads. */
export function stateFilesOf({ config, paths, clock, log }: StateDeps): {
  readonly stateFile: StateFile
  readonly keysFile: KeysFile
} {
  const origin = originOf(config)
  return {
    stateFile: createStateFile(paths.stateDir, origin, { clock, log, work: inTurns }),
    keysFile: createKeysFile(paths.stateDir, origin, { clock, log }),
  }
}

/** The directory of the last run; what directory.json lost, directory.db gives back. */
async function loadDirectory(
  stateDir: string,
  file: StateFile,
  deps: { readonly rules: () => Promise<DirectoryRules>; readonly tell: Tell },
): Promise<LoadedState | undefined> {
  const loaded = await tolerant(file.load(), undefined, deps.tell)
  if (loaded !== undefined) return loaded
  const content = await tolerant(readSnapshot(stateDir, inTurns), undefined, deps.tell)
  if (content === undefined) return undefined
  const saved = salvageDirectory(content, await deps.rules())
  deps.tell(
    `directory.json is lost: ${saved.source.users.length} users are restored from directory.db until the source is read; shared accounts are open to nobody until then`,
  )
  return { pins: saved.pins, saved }
}

/** The keys of the last run; what keys.json lost, keys.db gives back. */
async function loadKeys(
  file: KeysFile,
  deps: {
    readonly offlineMs: number
    readonly state: LoadedState | undefined
    readonly tell: Tell
  },
): Promise<readonly SavedCredentials[]> {
  const { state, tell } = deps
  const loaded = await tolerant(file.load(), undefined, tell)
  if (loaded !== undefined) return loaded
  const ids = new Map(Object.entries(state?.pins.uids ?? {}).map(([id, uid]) => [uid, id]))
  const people = await file.salvage(deps.offlineMs, (uid) => ids.get(uid))
  if (people !== undefined) {
    tell(`keys.json is lost: the keys of ${people.length} people are restored from keys.db`)
    return people
  }
  if (state?.saved === undefined) return []
  tell('keys.json and keys.db are lost: nobody enters before the source is asked for their keys')
  return shutPeople(state.saved)
}

/** What the last run saved. */
export async function loadLastRun(
  deps: StateDeps & { readonly rules: (signal: AbortSignal) => Promise<DirectoryRules> },
): Promise<Inheritance> {
  const { config, paths, clock, log } = deps
  const { stateFile, keysFile } = stateFilesOf(deps)
  const notices: string[] = []
  const tell = teller(notices, log)
  const rules = (): Promise<DirectoryRules> => deps.rules(AbortSignal.timeout(tagsTimeoutMs))
  const state = await tolerant(
    loadDirectory(paths.stateDir, stateFile, { rules, tell }),
    undefined,
    tell,
  )
  const pins = state?.pins ?? { uids: {}, gids: {} }
  const keys = await loadKeys(keysFile, { offlineMs: config.source.offlineMs, state, tell })
  return {
    origin: originOf(config),
    pins,
    saved: state?.saved,
    hadState: state !== undefined,
    handover: undefined,
    keys,
    notices,
    generation: Math.floor(clock.now() / 1000),
    watching: Promise.resolve(),
  }
}

/** Without what was read from another source than `origin`. */
export function ofOrigin(inherited: Inheritance, origin: string): Inheritance {
  const { handover } = inherited
  if (inherited.origin === origin || handover === undefined) return inherited
  const { savedReadAt } = handover
  return {
    ...inherited,
    handover: { current: undefined, doubt: undefined, savedReadAt },
    keys: [],
  }
}

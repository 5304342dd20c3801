// The composition of one resolver from its configuration: every part is built and connected here.
// It has no sockets: service.ts owns them, and hands what one resolver knows to the next.
import { createDoor, doorBudgetMs, type Door } from './access/door.ts'
import { createLeftovers, type Leftovers } from './access/leftovers.ts'
import { createRevoker, type Revoker } from './access/revoke.ts'
import { createSessions, type Sessions } from './access/session.ts'
import type { Audit } from './audit/event.ts'
import type { Config } from './config/config.ts'
import type { Paths } from './config/paths.ts'
import type { ControlParts } from './control/routes.ts'
import type { HostAccounts } from './directory/types.ts'
import { createKeyKeeper, type KeyKeeper } from './keys/keeper.ts'
import { createKeyLookup, type KeyLookup } from './keys/lookup.ts'
import { encodePublished, nothingPublished, type WrittenAt } from './keys/published.ts'
import { createKeysFile, type KeysFile } from './keys/state.ts'
import { massLossRules } from './keys/suspicious.ts'
import { ofOrigin, type Inheritance } from './last-run.ts'
import { createMetrics, type Exposition, type Metrics } from './metrics/metrics.ts'
import { createCallBudget, type CallBudget } from './platform/call-budget.ts'
import type { BootClock } from './platform/boot-time.ts'
import { ageOf, wallOf, type Clock } from './platform/clock.ts'
import type { DurableFile } from './platform/durable-file.ts'
import { missingShare } from './platform/grants.ts'
import { lookForLeftovers } from './platform/leftovers.ts'
import type { Log } from './platform/log.ts'
import type { NameCaches } from './platform/name-caches.ts'
import { watchAccounts } from './platform/watch-accounts.ts'
import { createCycle, type Cycle } from './refresh/cycle.ts'
import { createExplain } from './refresh/explain.ts'
import { createIdentify, createIdentityCheck } from './refresh/identity.ts'
import { createReadLoop, type ReadLoop } from './refresh/loop.ts'
import { createMissResolver, type MissResolver } from './refresh/miss.ts'
import { confirmMsOf, createPublisher, type Publisher } from './refresh/publisher.ts'
import type { ReadSource } from './refresh/reader.ts'
import {
  createRefresher,
  timingOf,
  type Refresher,
  type ReadRequest,
  type RefreshResult,
} from './refresh/refresh.ts'
import { createStateFile, type StateFile } from './refresh/state-file.ts'
import { createStore, type Store } from './refresh/store.ts'
import { createResumeWriter } from './resume.ts'
import { createHandler, type Handler } from './server/handlers.ts'
import { createSnapshotFile } from './snapshot/publish.ts'
import { addCalls, type Calls } from './sources/calls.ts'
import { callsPerPerson, originOf } from './sources/origin.ts'
import type { KeySource } from './sources/key-process.ts'

export type ResolverDeps = {
  readonly config: Config
  /** Of the files that it was read from. */
  readonly configVersion: string
  readonly paths: Paths
  readonly version: string
  /** When this process started, milliseconds since the epoch. */
  readonly startedAt: number
  readonly local: () => HostAccounts
  readonly clock: Clock
  readonly bootClock: BootClock
  readonly log: Log
  readonly audit: Audit
  readonly liveUids: () => Promise<ReadonlySet<number>>
  /** Ends the sessions of a uid by the root helper. */
  readonly terminate: (uid: number) => Promise<number>
  readonly caches: NameCaches
  /** Asks for people's keys. */
  readonly keySource: KeySource
  /** Has the source read by a child process; `explainer` by another one. */
  readonly reader: ReadSource
  readonly explainer: ReadSource
  readonly inherited: Inheritance
  /** Resolves when the resolver before writes no state any more. */
  readonly mayWrite: Promise<void>
}

export type Resolver = {
  readonly store: Store
  readonly handle: Handler
  readonly onRequest: (code: number, state: number) => void
  readonly control: { readonly parts: ControlParts; readonly expose: () => Promise<Exposition> }
  /** From here on it publishes; resolves with the first read of the source. */
  readonly begin: () => Promise<RefreshResult>
  /** Ends reads of the source; requests are answered on. */
  readonly stopReading: () => Promise<void>
  /** What the next one goes on from; only once nothing is read any more. */
  readonly handOver: () => Inheritance
  /** Resolves when all accounts that lost access so far were checked for sessions. */
  readonly watched: () => Promise<void>
  /** Writes a last time what is known, then nothing; only once nothing is read any more. */
  readonly close: () => Promise<void>
}

/** The files of the state directory. */
type Files = {
  readonly snapshot: DurableFile
  readonly state: StateFile
  readonly keys: KeysFile
  readonly all: readonly DurableFile[]
  /** Compares them with what was written, and tries again what is owed. */
  readonly settle: () => Promise<void>
}

function createFiles({ config, paths, clock, log }: ResolverDeps, before: Inheritance): Files {
  const tools = { clock, log }
  const snapshot = createSnapshotFile(paths.stateDir, tools)
  const state = createStateFile(paths.stateDir, before.state, {
    ...tools,
    // Asked only where a write failed.
    saysMore: async (onDisk, wanted) => {
      const { saysMore } = await import('./refresh/state.ts')
      return saysMore(onDisk, wanted)
    },
  })
  const keys = createKeysFile(paths.stateDir, originOf(config), tools)
  const all = [snapshot, state.file, ...keys.files]
  const settle = async (): Promise<void> => {
    await Promise.all(all.map((file) => file.settle()))
  }
  return { snapshot, state, keys, all, settle }
}

/** What keeps the directory. */
type DirectoryParts = {
  readonly store: Store
  readonly publisher: Publisher
  readonly refresher: Refresher
  readonly loop: ReadLoop<ReadRequest, RefreshResult>
}

function createDirectoryParts(
  deps: ResolverDeps,
  before: Inheritance,
  files: Files,
): DirectoryParts {
  const { config, configVersion, paths, clock, bootClock, log, audit, caches, reader } = deps
  const { offlineMs } = config.source
  const confirmMs = confirmMsOf(offlineMs)
  const store = createStore(before.generation, clock)
  const publisher = createPublisher({
    ...{ store, clock, bootClock, offlineMs, confirmMs },
    file: files.snapshot,
    placed: caches.changed,
  })
  const resume = createResumeWriter({
    ...{ stateDir: paths.stateDir, config, configVersion, clock, log },
    files: [files.snapshot, files.state.file],
  })
  const refresher = createRefresher({
    ...{ config, reader, store, clock, log, audit, confirmMs },
    state: files.state,
    publish: async () => {
      await publisher.publish()
      await caches.idle()
    },
    touched: publisher.confirm,
    settled: resume.keep,
  })
  const loop = createReadLoop<ReadRequest, RefreshResult>({
    ...{ clock, random: Math.random },
    timing: timingOf(config),
  })
  refresher.inherit(before.handover)
  return { store, publisher, refresher, loop }
}

/** What knows people's keys, and keeps them on disk. */
type KeyParts = {
  readonly keys: KeyLookup
  readonly keeper: KeyKeeper
  readonly bucket: CallBudget
  /** The source is another one now: its people are not read yet, and keys of the old one open nothing. */
  readonly forget: () => Promise<void>
}

/** What of people's keys is written to disk, once the resolver before writes no more. */
function keyWriters(
  { config, clock, local, bootClock, mayWrite }: ResolverDeps,
  { store, files }: DirectoryParts & { readonly files: Files },
  all: KeyLookup['all'],
): { readonly save: () => Promise<void>; readonly publish: () => Promise<void> } {
  const thisMoment = (): WrittenAt => ({ now: clock.now(), bootTime: bootClock() })
  const encode = (): Promise<Buffer> => {
    const directory = store.current()?.directory
    if (directory === undefined) return Promise.resolve(nothingPublished(thisMoment()))
    return encodePublished({
      ...{ directory, local: local(), people: all(), offlineMs: config.source.offlineMs },
      ...{ keys: config.keys, requireMfa: config.access.requireMfa },
      ...thisMoment(),
      wallOf: (moment) => wallOf(clock, moment),
    })
  }
  return {
    save: async () => {
      await mayWrite
      await files.keys.save(all)
    },
    publish: async () => {
      await mayWrite
      await files.keys.publish(encode)
    },
  }
}

function createKeyParts(
  deps: ResolverDeps,
  before: Inheritance,
  parts: DirectoryParts & { readonly files: Files },
): KeyParts {
  const { config, clock, log, keySource } = deps
  const { store, loop } = parts
  const { offlineMs, missCallsPerMinute } = config.source
  for (const { id, credentials } of before.keys) keySource.remember(id, credentials.keys)
  const { save, publish } = keyWriters(deps, parts, () => keys.all())
  const keeper = createKeyKeeper({
    ...{ clock, save, confirmMs: confirmMsOf(offlineMs) },
    publish: async () => {
      if (store.current() !== undefined) await publish()
    },
  })
  const bucket = createCallBudget({ clock, perMinute: missCallsPerMinute })
  const confirm = createIdentityCheck({ store, clock, readNow: loop.readNow })
  const keys = createKeyLookup({
    ...{ confirm, offlineMs, bucket, clock, log, keys: config.keys },
    fetchCredentials: keySource.fetchCredentials,
    identify: createIdentify(keySource, confirm),
    budgetMs: doorBudgetMs,
    doubt: massLossRules(config.source),
    callsPerPerson: callsPerPerson(config),
    saved: before.keys,
    savedIsStale: before.isReload,
    onRead: keeper.read,
  })
  const forget = async (): Promise<void> => {
    await Promise.all([save(), publish()])
  }
  return { keys, keeper, bucket, forget }
}

/** What decides about access. */
type AccessParts = {
  readonly misses: MissResolver
  readonly door: Door
  readonly sessions: Sessions
  readonly revoker: Revoker
  readonly leftovers: Leftovers
}

function createAccessParts(
  deps: ResolverDeps,
  { store, refresher, loop }: DirectoryParts,
  { keys, bucket }: KeyParts,
): AccessParts {
  const { config, local, clock, log, audit } = deps
  const { requireMfa } = config.access
  const view = store.current
  const misses = createMissResolver({
    ...{ store, refresher, clock, bucket },
    readNow: loop.readNow,
  })
  const door = createDoor({
    ...{ view, local, keys, requireMfa, clock, audit },
    askMiss: (name) =>
      misses.isKnownMiss(name, true) ? Promise.resolve('absent') : misses.ask(name),
    keysConfig: config.keys,
    offlineMs: config.source.offlineMs,
  })
  const { opened, entered } = door
  const sessions = createSessions({ view, local, opened, entered, known: keys.known, audit })
  const revoker = createRevoker({
    ...{ view, local, requireMfa, audit, clock, log },
    liveUids: deps.liveUids,
    keysOf: keys.of,
    terminate: deps.terminate,
    sharedSessions: sessions.shared,
    abandon: sessions.abandon,
    onRevoke: config.sessions.onRevoke,
  })
  const leftovers = createLeftovers({ view, look: lookForLeftovers, audit, clock, log })
  return { misses, door, sessions, revoker, leftovers }
}

type Parts = DirectoryParts & KeyParts & AccessParts & { readonly files: Files }

/** Requests to the source since start, by operation: of the child process and for keys. */
function callsOf({ keySource }: ResolverDeps, { refresher }: Parts) {
  return (): Calls => addCalls(refresher.callsByOperation(), keySource.calls())
}

function createResolverMetrics(deps: ResolverDeps, parts: Parts): Metrics {
  const { clock } = deps
  const { store, refresher, keys, misses, files } = parts
  return createMetrics({
    gauges: {
      users: () => store.current()?.directory.userCount ?? 0,
      groups: () => store.current()?.directory.groupCount ?? 0,
      directoryAgeSeconds: () => {
        const current = store.current()
        return current === undefined
          ? Number.POSITIVE_INFINITY
          : ageOf(clock, current.readAt) / 1000
      },
      groupsUnread: () => refresher.unread().length,
      overridesUnread: () => {
        const { kept = 0, leftOut = 0 } = store.current()?.unreadOverrides ?? {}
        return kept + leftOut
      },
      keysCached: () => keys.stats().cached,
      keyProblems: () => keys.problems().length,
      keysDoubted: () => keys.stats().doubted,
      missBudget: () => misses.stats().budgetLeft,
    },
    apiCalls: callsOf(deps, parts),
    owedSeconds: () =>
      files.all.map((file) => {
        const since = file.owed()?.since
        return [file.name, since === undefined ? 0 : Math.max(1, clock.now() - since) / 1000]
      }),
  })
}

function createControlParts(deps: ResolverDeps, parts: Parts, before: Inheritance): ControlParts {
  const { config, clock, version, startedAt, explainer } = deps
  const { store, refresher, keys, misses, files, leftovers, loop } = parts
  const { refreshMs, offlineMs, missCallsPerMinute } = config.source
  return {
    ...{ version, startedAt, store, refresher, keys, misses, clock, missingShare },
    ...{ refreshMs, offlineMs, missCallsPerMinute, requireMfa: config.access.requireMfa },
    sourceKind: config.source.kind,
    calls: callsOf(deps, parts),
    readNow: loop.readNow,
    explain: createExplain({
      ...{ config, reader: explainer, now: clock.now },
      state: files.state.held,
      snapshot: refresher.snapshot,
    }),
    snapshot: parts.publisher.last,
    owed: () => files.all.flatMap((file) => file.owed() ?? []),
    notices: () => [...before.notices, ...leftovers.notices(), ...deps.caches.notices()],
    written: async () => {
      await Promise.all(files.all.map((file) => file.idle()))
    },
  }
}

function createResolverCycle(deps: ResolverDeps, parts: Parts, before: Inheritance): Cycle {
  const { loop, refresher, files, keeper, revoker, leftovers } = parts
  return createCycle({
    ...{ loop, refresher, log: deps.log, before: before.watching },
    settleFiles: files.settle,
    publishKeys: keeper.directoryChanged,
    endAccess: (change) => revoker.check(change?.removed ?? []),
    findLeftovers: leftovers.check,
  })
}

/** From here on it publishes, and reads the source. */
function begin(parts: Parts, cycle: Cycle, before: Inheritance): Promise<RefreshResult> {
  const { store, publisher, keeper, forget } = parts
  publisher.begin()
  // A write that the one before still owed is this one's to make.
  if (store.current() === undefined) {
    if (before.hadState) void forget()
  } else if (before.isReload) void keeper.read('changed')
  else keeper.directoryChanged()
  if (before.isReload) return cycle.startByNewRules()
  return before.isResumed ? cycle.startFromServed() : cycle.start()
}

/** Writes a last time what is known, then nothing. */
async function close({ keeper, publisher, files }: Parts): Promise<void> {
  await keeper.close()
  await publisher.close()
  await Promise.all(files.all.map((file) => file.close()))
}

/** Makes a resolver. Without waiting: between two resolvers no request goes unanswered. */
export function createResolver(deps: ResolverDeps): Resolver {
  const { config, clock, log, version } = deps
  const origin = originOf(config)
  const before = ofOrigin(deps.inherited, origin)
  const files = createFiles(deps, before)
  const directoryParts = createDirectoryParts(deps, before, files)
  const keyParts = createKeyParts(deps, before, { ...directoryParts, files })
  const accessParts = createAccessParts(deps, directoryParts, keyParts)
  const parts: Parts = { ...directoryParts, ...keyParts, ...accessParts, files }
  const { store, refresher, keys, misses, door, sessions } = parts
  const cycle = createResolverCycle(deps, parts, before)
  const metrics = createResolverMetrics(deps, parts)
  const stopWatching = watchAccounts(() => void cycle.localAccountsChanged(), { clock, log })
  return {
    store,
    handle: createHandler({ store, misses, door, sessions, version }),
    onRequest: metrics.count,
    control: { expose: metrics.expose, parts: createControlParts(deps, parts, before) },
    begin: () => begin(parts, cycle, before),
    stopReading: async () => {
      stopWatching()
      await cycle.stop()
    },
    handOver: () => ({
      ...{ origin, isReload: true, isResumed: false, hadState: true, notices: [] },
      generation: before.generation,
      handover: refresher.handOver(),
      state: files.state.held(),
      keys: keys.handOver(),
      watching: cycle.accessEnded(),
    }),
    watched: cycle.accessEnded,
    close: async () => {
      await cycle.followed()
      await close(parts)
      await deps.keySource.close()
    },
  }
}

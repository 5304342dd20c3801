// The composition of one resolver from its configuration: every part is built and connected here.
import { LRUCache } from 'lru-cache'
import { createDoor } from './access/door.ts'
import { createRevoker } from './access/revoke.ts'
import { createSessions } from './access/session.ts'
import type { Audit } from './audit/event.ts'
import type { Config } from './config/config.ts'
import type { Paths } from './config/paths.ts'
import { startControl } from './control/control.ts'
import type { Directory, DirectoryRules } from './directory/types.ts'
import { createKeyKeeper } from './keys/keeper.ts'
import { createKeyLookup } from './keys/lookup.ts'
import { nothingPublished, publishedSteps } from './keys/published.ts'
import { createKeysFile, type KeysFile, type SavedCredentials } from './keys/state.ts'
import { createMetrics } from './metrics/metrics.ts'
import type { Addon } from './platform/addon.ts'
import { createBucket } from './platform/bucket.ts'
import { ageOf, type Clock } from './platform/clock.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import type { Log } from './platform/log.ts'
import { inTurns } from './platform/turns.ts'
import { watchAccounts } from './platform/watch-accounts.ts'
import { createIdentityCheck } from './refresh/identity.ts'
import { createMissResolver } from './refresh/miss.ts'
import { createPublisher } from './refresh/publisher.ts'
import { createRefresher, type RefreshResult } from './refresh/refresh.ts'
import { salvageDirectory } from './refresh/salvage.ts'
import { createStateFile, type LoadedState, type StateFile } from './refresh/state.ts'
import { createStore, type Current, type Store } from './refresh/store.ts'
import { createHandler } from './server/handlers.ts'
import { startServer } from './server/server.ts'
import { createSnapshotFile, readSnapshot } from './snapshot/publish.ts'
import { createSource, originOf } from './sources/create.ts'
import { createThreadedSource } from './sources/thread.ts'
import { op, status } from './wire/protocol.ts'

export type ResolverDeps = {
  readonly config: Config
  readonly paths: Paths
  readonly version: string
  readonly addon: Addon
  readonly clock: Clock
  readonly log: Log
  readonly audit: Audit
  readonly liveUids: () => Promise<ReadonlySet<number>>
  /** Ends the sessions of a uid by the root helper. */
  readonly terminate: (uid: number) => Promise<number>
  /** The process's own uid: the key command's too. */
  readonly ownUid: number
}

export type Resolver = {
  readonly store: Store
  /** The first read of the source, under way since the start. */
  readonly firstRead: Promise<RefreshResult>
  readonly close: () => Promise<void>
}

/** A lookup's wait for the source, and the door's; protocol.h's deadlines leave room for the way. */
const lookupBudgetMs = 1_000
const doorBudgetMs = 5_000
const confirmMaxMs = 3_600_000
const keysSaveDelayMs = 1_000
const keyBodies = 20_000
/** For IMDS, when the rules are needed before the first read. */
const tagsTimeoutMs = 10_000
/** From a loss of many people's keys to the second reading that is believed. */
const doubtAgainMs = 30_000

async function rulesOf(config: Config, signal: AbortSignal): Promise<DirectoryRules> {
  const { access, names, ids, accounts } = config
  const tagged = async (tag: string): Promise<readonly string[]> => {
    if (tag === '') return []
    const { readInstanceTag } = await import('./sources/instance-tags.ts')
    return readInstanceTag(tag, signal)
  }
  return {
    groups: [...new Set([...access.groups, ...(await tagged(access.instanceTag))])],
    sudoGroups: [...new Set([...access.sudoGroups, ...(await tagged(access.sudoInstanceTag))])],
    sharedAccounts: access.sharedAccounts,
    nameCase: names.case,
    stripDomains: names.stripDomains,
    reservedNames: names.reserved,
    ids,
    home: accounts.home,
    shell: accounts.shell,
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

type Tell = (sentence: string, error?: unknown) => void

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
  deps: { readonly offlineMs: number; readonly tell: Tell },
): Promise<readonly SavedCredentials[] | undefined> {
  const loaded = await tolerant(file.load(), undefined, deps.tell)
  if (loaded !== undefined) return loaded
  const people = await file.salvage(deps.offlineMs)
  if (people === undefined) return undefined
  deps.tell(`keys.json is lost: the keys of ${people.length} people are restored from keys.db`)
  return people
}

const opNames = new Map<number, string>(Object.entries(op).map(([name, code]) => [code, name]))
const statusNames = new Map<number, string>(
  Object.entries(status).map(([name, code]) => [code, name]),
)

/** Starts a resolver: serves what the last run knew at once, then reads the source. */
export async function startResolver(deps: ResolverDeps): Promise<Resolver> {
  const { config, paths, clock, log, audit } = deps
  const { offlineMs, missCallsPerMinute } = config.source
  const local = createLocalAccounts()
  const origin = originOf(config)
  const stateFile = createStateFile(paths.stateDir, origin, { clock, log, work: inTurns })
  const keysFile = createKeysFile(paths.stateDir, origin, { clock, log })
  const snapshotFile = createSnapshotFile(paths.stateDir, { clock, log, work: inTurns })
  const files = [snapshotFile, stateFile.file, ...keysFile.files]
  const owed = () => files.flatMap((file) => file.owed() ?? [])
  const notices: string[] = []
  const tell: Tell = (sentence, error) => {
    notices.push(sentence)
    log.warn(error === undefined ? {} : { err: error }, sentence)
  }
  const rules = () => rulesOf(config, AbortSignal.timeout(tagsTimeoutMs))
  const state = await tolerant(
    loadDirectory(paths.stateDir, stateFile, { rules, tell }),
    undefined,
    tell,
  )
  const saved = state?.saved
  const lastKeys = await loadKeys(keysFile, { offlineMs, tell })
  const savedKeys = lastKeys ?? []
  const bodies = new LRUCache<string, string>({ max: keyBodies })
  for (const { credentials } of savedKeys)
    for (const key of credentials.keys) if (key.origin === 'iam') bodies.set(key.id, key.body)

  // The parts that a read wakes are built after it: nothing is read before all are there.
  let onRead: (before: Directory | undefined) => void = () => undefined
  const source = createThreadedSource(config, await createSource(config, { bodies }))
  // Files that say when the source was read last need not be written at each read.
  const confirmMs = Math.min(confirmMaxMs, offlineMs / 10)
  const store = createStore(Math.floor(clock.now() / 1000))
  const publisher = createPublisher({
    store,
    clock,
    work: inTurns,
    offlineMs,
    confirmMs,
    file: snapshotFile,
  })
  const refresher = createRefresher({
    source,
    store,
    ...(state === undefined ? {} : { pins: state.pins }),
    local,
    clock,
    log,
    audit,
    rules: (signal) => rulesOf(config, signal),
    save: (saved) => stateFile.save(saved),
    random: Math.random,
    refreshMs: config.source.refreshMs,
    offlineMs,
    confirmMs,
    work: inTurns,
    published: publisher.settled,
    onRead: (before) => {
      onRead(before)
    },
  })
  const spellKeys = (current: Current): Promise<Buffer> => {
    const { directory, index } = current
    const { requireMfa } = config.access
    const people = keys.all()
    const known = { directory, index, local: local(), people, keys: config.keys, requireMfa }
    return inTurns(publishedSteps({ ...known, offlineMs, now: clock.now() }))
  }
  const keeper = createKeyKeeper({
    save: () => keysFile.save(keys.all),
    publish: async () => {
      const current = store.current()
      if (current !== undefined) await keysFile.publish(() => spellKeys(store.current() ?? current))
    },
    clock,
    delayMs: keysSaveDelayMs,
    confirmMs,
  })
  const bucket = createBucket({ clock, perMinute: missCallsPerMinute })
  const keys = createKeyLookup({
    fetchCredentials: source.fetchCredentials,
    confirm: createIdentityCheck({ store, refresher, clock }),
    keys: config.keys,
    offlineMs,
    budgetMs: doorBudgetMs,
    doubt: {
      windowMs: config.source.refreshMs,
      againMs: Math.min(config.source.refreshMs, doubtAgainMs),
    },
    bucket,
    callsPerPerson:
      config.source.kind === 'file'
        ? 0
        : 1 + Number(config.keys.tags) + Number(config.access.requireMfa),
    clock,
    log,
    saved: savedKeys,
    // A host that knew people, and has no file of their keys or cannot read it.
    savedIsLost: lastKeys === undefined && saved !== undefined,
    onRead: keeper.read,
  })
  if (saved !== undefined) await tolerant(refresher.restore(saved), undefined, tell)

  const misses = createMissResolver({
    store,
    refresher,
    clock,
    bucket,
    budgetMs: lookupBudgetMs,
  })
  const view = () => store.current()
  const door = createDoor({
    view,
    local,
    askMiss: (name) =>
      misses.isKnownMiss(name, true) ? Promise.resolve('absent') : misses.ask(name),
    keys,
    budgetMs: doorBudgetMs,
    requireMfa: config.access.requireMfa,
    offlineMs,
    clock,
    audit,
  })
  const { opened, entered } = door
  const sessions = createSessions({ view, local, opened, entered, known: keys.known, audit })
  const revoker = createRevoker({
    view,
    local,
    liveUids: deps.liveUids,
    keysOf: keys.of,
    terminate: deps.terminate,
    sharedSessions: sessions.shared,
    abandon: sessions.abandon,
    onRevoke: config.sessions.onRevoke,
    requireMfa: config.access.requireMfa,
    audit,
    clock,
    log,
  })
  let watching: Promise<void> = Promise.resolve()
  /** The files are compared with what was written, and what is owed is tried again. */
  const settleFiles = async (): Promise<void> => {
    await Promise.all(files.map((file) => file.settle()))
  }
  onRead = (before) => {
    void settleFiles()
    watching = watching
      .then(() => revoker.check(before))
      .catch((error: unknown) => {
        log.error({ err: error }, 'looking for sessions of people who lost access failed')
      })
  }
  const stopWatching = watchAccounts(
    () => {
      refresher.localChanged().catch((error: unknown) => {
        log.error({ err: error }, 'building the directory for changed local accounts failed')
      })
    },
    { clock, log },
  )
  const metrics = createMetrics(
    {
      users: () => store.current()?.directory.accounts.length ?? 0,
      groups: () => store.current()?.directory.groups.length ?? 0,
      directoryAgeSeconds: () => {
        const current = store.current()
        return current === undefined
          ? Number.POSITIVE_INFINITY
          : ageOf(clock, current.readAt) / 1000
      },
      groupsUnread: () => refresher.unread().length,
      keysCached: () => keys.stats().cached,
      keyProblems: () => keys.problems().length,
      keysDoubted: () => keys.stats().doubted,
      missBudget: () => misses.stats().budgetLeft,
    },
    source.calls,
    () =>
      files.map((file) => {
        const since = file.owed()?.since
        return [file.name, since === undefined ? 0 : Math.max(1, clock.now() - since) / 1000]
      }),
  )
  const open: { readonly close: () => Promise<void> }[] = []
  /** From the outside in, what was begun is ended; nothing is written afterwards. */
  const close = async (): Promise<void> => {
    stopWatching()
    await refresher.close()
    // Whose sessions are being ended is seen to its end, with the sockets still there.
    await watching
    await Promise.all(open.map((each) => each.close()))
    await keeper.close()
    await publisher.close()
    await Promise.all(files.map((file) => file.close()))
    await source.close()
  }
  try {
    open.push(
      await startServer({
        path: paths.resolverSocket,
        handle: createHandler({ store, misses, door, sessions, version: deps.version, clock }),
        peerCredentials: deps.addon.peerCredentials,
        ownUid: deps.ownUid,
        clock,
        log,
        onRequest: (code, state) => {
          metrics.requests.inc({
            op: opNames.get(code) ?? 'unknown',
            status: statusNames.get(state) ?? 'unknown',
          })
        },
      }),
    )
    open.push(
      await startControl({
        path: paths.controlSocket,
        listen: config.metrics.listen,
        registry: metrics.registry,
        log,
        parts: {
          version: deps.version,
          startedAt: clock.now(),
          store,
          source,
          refresher,
          keys,
          misses,
          missCallsPerMinute,
          snapshot: publisher.last,
          owed,
          notices: () => notices,
          written: async () => {
            await Promise.all(files.map((file) => file.idle()))
          },
          refreshMs: config.source.refreshMs,
          clock,
        },
      }),
    )
  } catch (error) {
    // Nothing half started is left: the configuration of before must find its places free.
    await close()
    throw error
  }
  // Only now: a configuration that finds its places taken publishes nothing.
  publisher.begin()
  if (store.current() !== undefined) keeper.directoryChanged()
  else if (state !== undefined) {
    // The source is another one now: its people are not read yet, and keys of the old one open nothing.
    void keysFile.save(keys.all)
    void keysFile.publish(() => Promise.resolve(nothingPublished()))
  }
  store.subscribe((now, before) => {
    if (now.generation !== before?.generation) keeper.directoryChanged()
  })
  return { store, firstRead: refresher.start(), close }
}

// The composition of one resolver from its configuration: every part is built and connected here.
// It has no sockets: service.ts owns them, and hands what one resolver knows to the next.
import { LRUCache } from 'lru-cache'
import type { Registry } from 'prom-client'
import { createDoor } from './access/door.ts'
import { createLeftovers } from './access/leftovers.ts'
import { createRevoker } from './access/revoke.ts'
import { createSessions } from './access/session.ts'
import type { Audit } from './audit/event.ts'
import type { Config } from './config/config.ts'
import type { Paths } from './config/paths.ts'
import type { ControlParts } from './control/routes.ts'
import type { Directory, DirectoryRules, HostAccounts } from './directory/types.ts'
import { createKeyKeeper } from './keys/keeper.ts'
import { createKeyLookup } from './keys/lookup.ts'
import { nothingPublished, publishedSteps, type WrittenAt } from './keys/published.ts'
import { ofOrigin, stateFilesOf, teller, tolerant, type Inheritance } from './last-run.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createBucket } from './platform/bucket.ts'
import type { BootClock } from './platform/boot-time.ts'
import { ageOf, wallOf, type Clock, type Moment } from './platform/clock.ts'
import { missingShare } from './platform/grants.ts'
import { lookForLeftovers } from './platform/leftovers.ts'
import type { Log } from './platform/log.ts'
import type { NameCaches } from './platform/name-caches.ts'
import { inTurns } from './platform/turns.ts'
import { watchAccounts } from './platform/watch-accounts.ts'
import { createIdentify, createIdentityCheck } from './refresh/identity.ts'
import { createMissResolver } from './refresh/miss.ts'
import { createPublisher } from './refresh/publisher.ts'
import { createRefresher, type RefreshResult } from './refresh/refresh.ts'
import { createStore, type Current, type Store } from './refresh/store.ts'
import { createHandler, type Handler } from './server/handlers.ts'
import { createSnapshotFile } from './snapshot/publish.ts'
import { createSource, originOf } from './sources/create.ts'
import type { Source } from './sources/source.ts'
import { createThreadedSource } from './sources/thread.ts'
import { op, status } from './wire/protocol.ts'

/** What reads the configured source. */
export type OpenSource = { readonly source: Source; readonly bodies: LRUCache<string, string> }

export type ResolverDeps = {
  readonly config: Config
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
  readonly open: OpenSource
  readonly inherited: Inheritance
  /** Resolves when the resolver before writes no state any more. */
  readonly mayWrite: Promise<void>
}

export type Resolver = {
  readonly store: Store
  readonly handle: Handler
  readonly onRequest: (code: number, state: number) => void
  readonly control: { readonly parts: ControlParts; readonly registry: Registry }
  /** Puts what the last run saved in place; nothing to do for what was handed over. */
  readonly restore: () => Promise<void>
  /** From here on it publishes; resolves with the first read of the source. */
  readonly begin: () => Promise<RefreshResult>
  /** Ends reads of the source; requests are answered on. */
  readonly stopReading: () => Promise<void>
  /** What the next one goes on from; only once nothing is read any more. */
  readonly handOver: () => Inheritance
  /** Resolves when everybody who lost access so far was looked at. */
  readonly watched: () => Promise<void>
  /** Writes a last time what is known, then nothing; only once nothing is read any more. */
  readonly close: () => Promise<void>
}

/** A lookup's wait for the source, and the door's; protocol.h's deadlines leave room for the way. */
const lookupBudgetMs = 1_000
const doorBudgetMs = 5_000
const confirmMaxMs = 3_600_000
const keysSaveDelayMs = 1_000
const keyBodies = 20_000
/** From a loss of many people's keys to the second reading that is believed. */
const doubtAgainMs = 30_000

/** The rules of a configuration, with the groups that this instance's tags name. */
export async function rulesOf(config: Config, signal: AbortSignal): Promise<DirectoryRules> {
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

const opNames = new Map<number, string>(Object.entries(op).map(([name, code]) => [code, name]))
const statusNames = new Map<number, string>(
  Object.entries(status).map(([name, code]) => [code, name]),
)

/** Opens the configured source; reads nothing yet. */
export async function openSource(config: Config): Promise<OpenSource> {
  const bodies = new LRUCache<string, string>({ max: keyBodies })
  return { bodies, source: createThreadedSource(config, await createSource(config, { bodies })) }
}

/** Makes a resolver. Without waiting: between two resolvers no request goes unanswered. */
export function createResolver(deps: ResolverDeps): Resolver {
  const { config, paths, local, clock, bootClock, log, audit } = deps
  const inherited = ofOrigin(deps.inherited, originOf(config))
  const { offlineMs, missCallsPerMinute } = config.source
  const { stateFile, keysFile } = stateFilesOf(deps)
  const snapshotFile = createSnapshotFile(paths.stateDir, { clock, log, work: inTurns })
  const files = [snapshotFile, stateFile.file, ...keysFile.files]
  const owed = () => files.flatMap((file) => file.owed() ?? [])
  const notices = [...inherited.notices]
  const tell = teller(notices, log)
  const { source, bodies } = deps.open
  for (const { credentials } of inherited.keys)
    for (const key of credentials.keys) if (key.origin === 'iam') bodies.set(key.id, key.body)

  // The parts that a read wakes are built after it: nothing is read before all are there.
  let onRead: (before: Directory | undefined) => void = () => undefined
  // Files that say when the source was read last need not be written at each read.
  const confirmMs = Math.min(confirmMaxMs, offlineMs / 10)
  const store = createStore(inherited.generation)
  const publisher = createPublisher({
    store,
    clock,
    bootClock,
    work: inTurns,
    offlineMs,
    confirmMs,
    file: snapshotFile,
    placed: deps.caches.changed,
  })
  const refresher = createRefresher({
    source,
    store,
    pins: inherited.pins,
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
    published: async () => {
      await publisher.settled()
      await deps.caches.idle()
    },
    onRead: (before) => {
      onRead(before)
    },
  })
  const thisMoment = (): WrittenAt => ({ now: clock.now(), bootTime: bootClock() })
  const spellKeys = (current: Current): Promise<Buffer> => {
    const { directory, index } = current
    const { requireMfa } = config.access
    const people = keys.all()
    const known = { directory, index, local: local(), people, keys: config.keys, requireMfa }
    const times = { ...thisMoment(), wallOf: (moment: Moment) => wallOf(clock, moment) }
    return inTurns(publishedSteps({ ...known, offlineMs, ...times }))
  }
  const keeper = createKeyKeeper({
    save: async () => {
      await deps.mayWrite
      await keysFile.save(keys.all)
    },
    publish: async () => {
      await deps.mayWrite
      const current = store.current()
      if (current !== undefined) await keysFile.publish(() => spellKeys(store.current() ?? current))
    },
    clock,
    delayMs: keysSaveDelayMs,
    confirmMs,
  })
  const bucket = createBucket({ clock, perMinute: missCallsPerMinute })
  const confirm = createIdentityCheck({ store, refresher, clock })
  const keys = createKeyLookup({
    fetchCredentials: source.fetchCredentials,
    identify: createIdentify(source, confirm),
    confirm,
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
    saved: inherited.keys,
    savedIsStale: inherited.handover !== undefined,
    onRead: keeper.read,
  })

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
    keysConfig: config.keys,
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
  const leftovers = createLeftovers({ view, look: lookForLeftovers, audit, clock, log })
  let watching = inherited.watching
  let looking: Promise<void> = Promise.resolve()
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
    looking = looking
      .then(() => leftovers.check(before))
      .catch((error: unknown) => {
        log.error({ err: error }, 'looking for things of others under names failed')
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
      overridesUnread: () => {
        const { keptIds, unknownIds } = store.current()?.source.unreadOverrides ?? {}
        return (keptIds?.length ?? 0) + (unknownIds?.length ?? 0)
      },
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
  /** The source is another one now: its people are not read yet, and keys of the old one open nothing. */
  const forgetKeys = async (): Promise<void> => {
    await deps.mayWrite
    await keysFile.save(keys.all)
    await keysFile.publish(() => Promise.resolve(nothingPublished(thisMoment())))
  }
  const handle = createHandler({ store, misses, door, sessions, version: deps.version, clock })
  // Last: whoever subscribed to the store is told of it.
  if (inherited.handover !== undefined) refresher.inherit(inherited.handover)
  return {
    store,
    handle,
    onRequest: (code, state) => {
      metrics.requests.inc({
        op: opNames.get(code) ?? 'unknown',
        status: statusNames.get(state) ?? 'unknown',
      })
    },
    control: {
      registry: metrics.registry,
      parts: {
        version: deps.version,
        startedAt: deps.startedAt,
        store,
        source,
        refresher,
        keys,
        misses,
        missCallsPerMinute,
        snapshot: publisher.last,
        owed,
        notices: () => [...notices, ...leftovers.notices(), ...deps.caches.notices()],
        written: async () => {
          await Promise.all(files.map((file) => file.idle()))
        },
        refreshMs: config.source.refreshMs,
        offlineMs,
        requireMfa: config.access.requireMfa,
        missingShare,
        clock,
      },
    },
    restore: async () => {
      const { saved } = inherited
      if (saved !== undefined) await tolerant(refresher.restore(saved), undefined, tell)
    },
    begin: () => {
      publisher.begin()
      // A write that the one before still owed is this one's to make.
      if (store.current() === undefined) {
        if (inherited.hadState) void forgetKeys()
      } else if (inherited.handover !== undefined) void keeper.read('changed')
      else keeper.directoryChanged()
      store.subscribe((now, before) => {
        if (now.generation !== before?.generation) keeper.directoryChanged()
      })
      return refresher.start()
    },
    stopReading: async () => {
      stopWatching()
      await refresher.close()
    },
    handOver: () => ({
      origin: originOf(config),
      ...refresher.handOver(),
      saved: undefined,
      hadState: true,
      notices: [],
      keys: keys.handOver(),
      generation: inherited.generation,
      watching,
    }),
    watched: () => watching,
    close: async () => {
      await looking
      await keeper.close()
      await publisher.close()
      await Promise.all(files.map((file) => file.close()))
      await source.close()
    },
  }
}

// The sockets, and the one resolver that answers behind them: a reload puts another in its place
// while every socket stays open, so that no connect fails.
import { startControl, startMetrics, type Control, type Serving } from './control/control.ts'
import type { Config } from './config/config.ts'
import { loadLastRun, type Inheritance } from './last-run.ts'
import type { Addon } from './platform/addon.ts'
import type { RefreshResult } from './refresh/refresh.ts'
import { within } from './platform/within.ts'
import { createResolver, type Resolver, type ResolverDeps } from './resolver.ts'
import type { Resumed } from './resume.ts'
import { startServer } from './server/server.ts'

/** A configuration that can be put to work, with what it opened. */
export type Prepared = {
  readonly config: Config
  readonly configVersion: ResolverDeps['configVersion']
  readonly keySource: ResolverDeps['keySource']
  readonly audit: ResolverDeps['audit']
  /** Ends what was opened beside the source; resolves when nothing of it is under way. */
  readonly close: () => Promise<void>
}

export type ServiceDeps = Omit<
  ResolverDeps,
  'config' | 'configVersion' | 'audit' | 'keySource' | 'inherited' | 'mayWrite'
> & {
  readonly addon: Addon
  /** The process's own uid: the key command's too. */
  readonly ownUid: number
}

export type Service = {
  readonly store: () => Resolver['store']
  /** The first read under the configuration in use. */
  readonly firstRead: () => Promise<RefreshResult>
  /**
   * Resolves when `next` answers.
   * @throws {ResolverError} when it cannot be put to work: then the one before goes on.
   */
  readonly reload: (next: Prepared) => Promise<void>
  readonly close: () => Promise<void>
}

type Place = Serving & {
  readonly resolver: Resolver
  readonly prepared: Prepared
  readonly leave: () => void
}

/** Ending sessions may wait for a root helper that hangs: a stop does not. */
const watchedMs = 1_000

function portOf(listen: string): string {
  return listen.slice(listen.lastIndexOf(':'))
}

type Self = {
  readonly deps: ServiceDeps
  readonly sockets: Control[]
  /** The resolver that answers. */
  now: Place
  metrics: Control | undefined
  /** What one before still has under way. */
  leaving: Promise<unknown>
  firstRead: Promise<RefreshResult>
}

function createPlace(
  deps: ServiceDeps,
  prepared: Prepared,
  from: { readonly inherited: Inheritance; readonly mayWrite: Promise<void> },
): Place {
  const { config, configVersion, keySource, audit } = prepared
  const own = { config, configVersion, keySource, audit }
  const resolver = createResolver({ ...deps, ...own, ...from })
  const replaced = Promise.withResolvers<undefined>()
  return {
    ...resolver.control,
    resolver,
    prepared,
    replaced: replaced.promise,
    leave: () => {
      replaced.resolve(undefined)
    },
  }
}

function openMetrics(self: Self, { metrics: { listen } }: Config): Promise<Control | undefined> {
  const { log } = self.deps
  if (listen === '') return Promise.resolve(undefined)
  return startMetrics({ listen, serving: () => self.now, log })
}

/** Another port is opened before the one in use is closed; the same port can only be opened after. */
async function moveMetrics(self: Self, next: Config): Promise<void> {
  const before = self.now.prepared.config
  const [from, to] = [before.metrics.listen, next.metrics.listen]
  if (from === to) return
  const isSamePort = self.metrics !== undefined && portOf(from) === portOf(to)
  if (isSamePort) await self.metrics?.close()
  try {
    const opened = await openMetrics(self, next)
    if (!isSamePort) await self.metrics?.close()
    self.metrics = opened
  } catch (error) {
    if (isSamePort) self.metrics = await openMetrics(self, before)
    throw error
  }
}

async function openSockets(self: Self): Promise<void> {
  const { deps, sockets } = self
  const { paths, clock, log, addon, ownUid } = deps
  sockets.push(
    await startServer({
      path: paths.resolverSocket,
      handle: (request, isPrivileged) => self.now.resolver.handle(request, isPrivileged),
      peerCredentials: addon.peerCredentials,
      ...{ ownUid, clock, log },
      onRequest: (code, state) => {
        self.now.resolver.onRequest(code, state)
      },
    }),
  )
  sockets.push(await startControl({ path: paths.controlSocket, serving: () => self.now, log }))
  self.metrics = await openMetrics(self, self.now.prepared.config)
}

async function close(self: Self): Promise<void> {
  const { resolver, prepared } = self.now
  await resolver.stopReading()
  // Sessions that are being ended are seen to their end, with the sockets still there.
  await within(self.deps.clock, watchedMs, resolver.watched(), () => undefined)
  const { sockets, metrics } = self
  await Promise.all(
    [...sockets, ...(metrics === undefined ? [] : [metrics])].map((each) => each.close()),
  )
  await Promise.all([self.leaving, resolver.close(), prepared.close()])
}

async function reload(self: Self, next: Prepared): Promise<void> {
  await moveMetrics(self, next.config)
  const before = self.now
  await before.resolver.stopReading()
  const written = Promise.withResolvers<undefined>()
  const inherited = before.resolver.handOver()
  // Without waiting between the two: what the one before knew last is what this one knows first.
  self.now = createPlace(self.deps, next, { inherited, mayWrite: written.promise })
  before.leave()
  self.leaving = Promise.all([self.leaving, before.prepared.close()])
  try {
    await before.resolver.close()
  } finally {
    written.resolve(undefined)
  }
  self.firstRead = self.now.resolver.begin()
}

/**
 * Serves what the last run knew, then reads the source.
 * @param resumed what it served, where that can go on
 * @throws {ResolverError} when a socket is taken; then nothing is left open.
 */
export async function startService(
  deps: ServiceDeps,
  first: Prepared,
  resumed?: Resumed,
): Promise<Service> {
  const inherited = await loadLastRun({ ...deps, config: first.config }, resumed)
  const none = { sockets: [], metrics: undefined, leaving: Promise.resolve() }
  const firstRead = Promise.withResolvers<RefreshResult>()
  const self: Self = {
    ...{ deps, ...none, firstRead: firstRead.promise },
    now: createPlace(deps, first, { inherited, mayWrite: Promise.resolve() }),
  }
  try {
    await openSockets(self)
  } catch (error) {
    await close(self)
    throw error
  }
  // Only now: a second resolver on the same sockets writes no state.
  firstRead.resolve(self.now.resolver.begin())
  return {
    store: () => self.now.resolver.store,
    firstRead: () => self.firstRead,
    close: () => close(self),
    reload: (next) => reload(self, next),
  }
}

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

/** Looking for those who lost access may wait for a helper that hangs: a stop does not. */
const watchedMs = 1_000

function portOf(listen: string): string {
  return listen.slice(listen.lastIndexOf(':'))
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
  const { paths, clock, log } = deps
  const place = (prepared: Prepared, inherited: Inheritance, mayWrite: Promise<void>): Place => {
    const { config, configVersion, keySource, audit } = prepared
    const own = { config, configVersion, keySource, audit }
    const resolver = createResolver({ ...deps, ...own, inherited, mayWrite })
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
  const { config } = first
  const lastRun = await loadLastRun({ ...deps, config }, resumed)
  let now = place(first, lastRun, Promise.resolve())
  const serving = (): Serving => now
  const openMetrics = ({ metrics: { listen } }: Config): Promise<Control | undefined> =>
    listen === '' ? Promise.resolve(undefined) : startMetrics({ listen, serving, log })

  const sockets: Control[] = []
  let metrics: Control | undefined
  /** What one before still has under way. */
  let leaving: Promise<unknown> = Promise.resolve()

  const close = async (): Promise<void> => {
    const { resolver, prepared } = now
    await resolver.stopReading()
    // Whose sessions are being ended is seen to its end, with the sockets still there.
    await within(clock, watchedMs, resolver.watched(), () => undefined)
    await Promise.all(
      [...sockets, ...(metrics === undefined ? [] : [metrics])].map((each) => each.close()),
    )
    await Promise.all([leaving, resolver.close(), prepared.close()])
  }

  try {
    sockets.push(
      await startServer({
        path: paths.resolverSocket,
        handle: (request, signal) => now.resolver.handle(request, signal),
        peerCredentials: deps.addon.peerCredentials,
        ownUid: deps.ownUid,
        clock,
        log,
        onRequest: (code, state) => {
          now.resolver.onRequest(code, state)
        },
      }),
    )
    sockets.push(await startControl({ path: paths.controlSocket, serving, log }))
    metrics = await openMetrics(first.config)
  } catch (error) {
    await close()
    throw error
  }
  // Only now: a second resolver on the same sockets writes no state.
  let firstRead = now.resolver.begin()

  /** Another port is opened before the one in use is closed; the same port can only be opened after. */
  const moveMetrics = async (next: Config): Promise<void> => {
    const before = now.prepared.config
    const [from, to] = [before.metrics.listen, next.metrics.listen]
    if (from === to) return
    const isSamePort = metrics !== undefined && portOf(from) === portOf(to)
    if (isSamePort) await metrics?.close()
    try {
      const opened = await openMetrics(next)
      if (!isSamePort) await metrics?.close()
      metrics = opened
    } catch (error) {
      if (isSamePort) metrics = await openMetrics(before)
      throw error
    }
  }

  return {
    store: () => now.resolver.store,
    firstRead: () => firstRead,
    close,
    reload: async (next) => {
      await moveMetrics(next.config)
      const before = now
      await before.resolver.stopReading()
      const written = Promise.withResolvers<undefined>()
      // Without waiting between the two: what the one before knew last is what this one knows first.
      now = place(next, before.resolver.handOver(), written.promise)
      before.leave()
      leaving = Promise.all([leaving, before.prepared.close()])
      try {
        await before.resolver.close()
      } finally {
        written.resolve(undefined)
      }
      firstRead = now.resolver.begin()
    },
  }
}

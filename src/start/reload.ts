// SIGHUP: the configuration is read again, and put to work where it can be.
import { once } from 'node:events'
import type { Config } from '../config/config.ts'
import { ResolverError } from '../errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { within } from '../platform/within.ts'
import type { Prepared, Service } from '../service.ts'
import { errorText } from './error-text.ts'
import type { ReadConfig } from './prepare.ts'

/** How long a reload waits for the source before it says that it is ready. */
const announceMs = 5_000

export type ReloadDeps = {
  readonly service: Pick<Service, 'reload' | 'firstRead'>
  /** @throws {ConfigError} */
  readonly read: () => Promise<ReadConfig>
  /** @throws {ConfigError} */
  readonly prepare: (read: ReadConfig) => Promise<Prepared>
  /** sd_notify(3) */
  readonly notify: (state: string) => void
  /** Says that the configuration is in use. */
  readonly announce: (config: Config) => void
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

/** Puts a configuration to work; false where it cannot be, and the one before goes on. */
async function replace(next: Prepared, { service, notify, log }: ReloadDeps): Promise<boolean> {
  notify('RELOADING=1')
  try {
    await service.reload(next)
    return true
  } catch (error) {
    if (!(error instanceof ResolverError)) throw error
    await Promise.all([next.close(), next.keySource.close()])
    log.error(
      { err: error },
      `the new configuration cannot be put to work, the last good one goes on: ${errorText(error)}`,
    )
    notify('READY=1')
    return false
  }
}

/** One reload, from the file to the answers. Where it is refused the last good configuration stays. */
export async function reload(deps: ReloadDeps, signal: AbortSignal): Promise<void> {
  const { service, clock, log } = deps
  let next: Prepared
  try {
    next = await deps.prepare(await deps.read())
  } catch (error) {
    log.error(
      { err: error },
      `the new configuration is refused, the last good one stays: ${errorText(error)}`,
    )
    return
  }
  if (signal.aborted || !(await replace(next, deps))) return
  // A source that does not answer holds up no further reload, and no stop.
  const read = Promise.race([service.firstRead(), once(signal, 'abort')])
  await within(clock, announceMs, read, () => undefined)
  deps.announce(next.config)
}

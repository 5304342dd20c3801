// What a configuration opens before it is put to work: notifiers, the audit's sinks, the asker of keys.
import { createAudit } from '../audit/create.ts'
import { toEcs, type AuditHost } from '../audit/ecs.ts'
import type { NotifierDeps } from '../notify/create.ts'
import type { Notifier } from '../notify/notifier.ts'
import type { Addon } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Prepared } from '../service.ts'
import { createKeySource } from '../sources/key-process.ts'

export type ReadConfig = Pick<Prepared, 'config' | 'configVersion'>

export type PrepareDeps = {
  readonly host: AuditHost
  readonly sendDatagram: Addon['sendDatagram']
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

/** The notifiers' code is loaded only where [notify] names a target. */
async function notifiersOf(deps: NotifierDeps): Promise<readonly Notifier[]> {
  if (deps.config.url === '' && deps.config.snsTopic === '') return []
  const { createNotifiers } = await import('../notify/create.ts')
  return createNotifiers(deps)
}

/**
 * All that can be refused of a configuration before anything of the one in use is touched.
 * @throws {ConfigError}
 */
export async function prepare(
  { config, configVersion }: ReadConfig,
  { host, sendDatagram, version, clock, log }: PrepareDeps,
): Promise<Prepared> {
  const notifiers = await notifiersOf({
    config: config.notify,
    document: (event) => toEcs(event, host),
    ...{ version, now: clock.now, log },
  })
  const sink = createAudit({ config: config.audit, host, sendDatagram, log })
  return {
    config,
    configVersion,
    keySource: createKeySource({ config, clock }),
    audit: (event) => {
      sink(event)
      for (const { notify } of notifiers) notify(event)
    },
    close: async () => {
      await Promise.all(notifiers.map((each) => each.close()))
    },
  }
}

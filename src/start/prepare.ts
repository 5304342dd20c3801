// What a configuration opens before it is put to work: notifiers, the audit's sinks, the asker of keys.
import { createAudit } from '../audit/create.ts'
import { toEcs, type AuditHost } from '../audit/ecs.ts'
import type { Config } from '../config/config.ts'
import { createNotifiers } from '../notify/create.ts'
import type { Addon } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Prepared } from '../service.ts'
import { createKeySource } from '../sources/key-process.ts'

export type PrepareDeps = {
  readonly host: AuditHost
  readonly sendDatagram: Addon['sendDatagram']
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * All that can be refused of a configuration before anything of the one in use is touched.
 * @throws {ConfigError}
 */
export async function prepare(
  config: Config,
  { host, sendDatagram, version, clock, log }: PrepareDeps,
): Promise<Prepared> {
  const notifiers = await createNotifiers({
    config: config.notify,
    document: (event) => toEcs(event, host),
    ...{ version, now: clock.now, log },
  })
  const sink = createAudit({ config: config.audit, host, sendDatagram, log })
  return {
    config,
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

// The notifiers that the configuration asks for.
import { randomUUID } from 'node:crypto'
import type { AuditEvent } from '../audit/event.ts'
import type { NotifyConfig } from '../config/config.ts'
import type { Log } from '../platform/log.ts'
import { createNotifier, type Notifier, type Send } from './notifier.ts'
import { createWebhook, readSecret } from './webhook.ts'

export type NotifierDeps = {
  readonly config: NotifyConfig
  readonly document: (event: AuditEvent) => unknown
  readonly version: string
  readonly now: () => number
  readonly log: Log
}

/** One for each target that is set. @throws {ConfigError} for a secret that cannot be used */
export async function createNotifiers(deps: NotifierDeps): Promise<readonly Notifier[]> {
  const { config, version, now } = deps
  const sends: Send[] = []
  if (config.url !== '') {
    const secret = config.secretFile === '' ? '' : readSecret(config.secretFile)
    sends.push(createWebhook({ url: config.url, secret, version, now }))
  }
  if (config.snsTopic !== '') {
    const { createSns } = await import('./sns.ts')
    sends.push(createSns({ topic: config.snsTopic }))
  }
  return sends.map((send) =>
    createNotifier({
      send,
      events: config.events,
      document: deps.document,
      newId: randomUUID,
      log: deps.log,
      queueMax: 1_000,
      pauseMs: 1_000,
      tryMs: 5_000,
      giveUpMs: 600_000,
      closeMs: 2_000,
    }),
  )
}

// The sinks that the configuration asks for, behind one function that never throws.
import type { Config } from '../config/config.ts'
import type { Addon } from '../platform/addon.ts'
import { encodeJournalEntry } from '../platform/journal.ts'
import type { Log } from '../platform/log.ts'
import { toEcs, type AuditHost } from './ecs.ts'
import type { Audit, AuditEvent } from './event.ts'
import { createFileAudit } from './file.ts'

const journalSocket = '/run/systemd/journal/socket'

function journalFields(event: AuditEvent, host: AuditHost): readonly (readonly [string, string])[] {
  const document = toEcs(event, host)
  const subject = 'subject' in event ? event.subject : undefined
  const key = 'key' in event ? event.key : undefined
  const door = 'door' in event ? event.door : undefined
  const refused = event.action.endsWith('refused') || event.action === 'source-failing'
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['MESSAGE', String(document['message'])],
    ['PRIORITY', refused ? '4' : '6'],
    ['SYSLOG_IDENTIFIER', 'iamlogin'],
    ['IAMLOGIN_ACTION', event.action],
    ['IAMLOGIN_USER', subject?.linuxUser],
    ['IAMLOGIN_IAM_USER', subject?.person?.name],
    ['IAMLOGIN_USER_ID', subject?.person?.id],
    ['IAMLOGIN_ARN', subject?.person?.arn],
    ['IAMLOGIN_KEY_FINGERPRINT', key?.fingerprint],
    ['IAMLOGIN_KEY_ID', key?.id],
    ['IAMLOGIN_SERVICE', door?.service],
    ['IAMLOGIN_TTY', door?.tty],
    ['IAMLOGIN_RHOST', door?.rhost],
    ['IAMLOGIN_RUSER', door?.ruser],
    ['IAMLOGIN_RULE', 'rule' in event ? event.rule : undefined],
    ['IAMLOGIN_SESSION', 'session' in event ? event.session : undefined],
    ['IAMLOGIN_REASON', 'reason' in event ? event.reason : undefined],
    ['IAMLOGIN_EVENT', JSON.stringify(document)],
  ]
  return fields.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, value] as const],
  )
}

function createJournalAudit(send: Addon['sendDatagram'], host: AuditHost, log: Log): Audit {
  let absent = false
  return (event) => {
    try {
      send(journalSocket, encodeJournalEntry(journalFields(event, host)))
      absent = false
    } catch (error) {
      if (!absent)
        log.warn({ err: error }, 'no journal takes audit events: set audit.file to keep them')
      absent = true
      log.info({ audit: toEcs(event, host) }, 'audit event')
    }
  }
}

/** Makes the audit: to the journal and to the file, as configured. */
export function createAudit(deps: {
  readonly config: Config['audit']
  readonly host: AuditHost
  readonly sendDatagram: Addon['sendDatagram']
  readonly log: Log
}): Audit {
  const { config, host, log } = deps
  const sinks = [
    ...(config.journal ? [createJournalAudit(deps.sendDatagram, host, log)] : []),
    ...(config.file === '' ? [] : [createFileAudit(config.file, host, log)]),
  ]
  return (event) => {
    for (const sink of sinks) sink(event)
  }
}

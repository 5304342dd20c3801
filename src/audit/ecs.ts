// An audit event in Elastic Common Schema 8 (https://www.elastic.co/guide/en/ecs/8.11/index.html).
import { isIP } from 'node:net'
import type { Cloud } from '../directory/types.ts'
import type { AuditDoor, AuditEvent, AuditKey, AuditSubject } from './event.ts'

export type EcsDocument = Readonly<Record<string, unknown>>

type Kind = {
  readonly category: readonly string[]
  readonly type: readonly string[]
  readonly outcome: 'success' | 'failure' | 'unknown'
}

const kinds: Readonly<Record<AuditEvent['action'], Kind>> = {
  'login-allowed': { category: ['authentication'], type: ['allowed'], outcome: 'success' },
  'login-refused': { category: ['authentication'], type: ['denied'], outcome: 'failure' },
  'key-offered': { category: ['authentication'], type: ['info'], outcome: 'success' },
  'key-refused': { category: ['authentication'], type: ['denied'], outcome: 'failure' },
  'session-open': { category: ['session'], type: ['start'], outcome: 'success' },
  'session-close': { category: ['session'], type: ['end'], outcome: 'success' },
  sudo: { category: ['iam', 'session'], type: ['start'], outcome: 'success' },
  'access-lost': { category: ['iam'], type: ['user', 'deletion'], outcome: 'success' },
  'user-renamed': { category: ['iam'], type: ['user', 'change'], outcome: 'success' },
  'leftovers-found': { category: ['iam'], type: ['user', 'info'], outcome: 'unknown' },
  'directory-changed': { category: ['iam'], type: ['change'], outcome: 'success' },
  'source-failing': { category: ['network'], type: ['error'], outcome: 'failure' },
  'source-recovered': { category: ['network'], type: ['info'], outcome: 'success' },
}

function subjectFields(subject: AuditSubject, ruser: string): EcsDocument {
  const { person, linuxUser, uid } = subject
  const account = { name: linuxUser, ...(uid === undefined ? {} : { id: String(uid) }) }
  return {
    user: {
      name: person?.name ?? linuxUser,
      ...(person === undefined ? {} : { id: person.id }),
      effective: account,
    },
    related: {
      user: [...new Set([linuxUser, person?.name ?? '', ruser])].filter((name) => name !== ''),
    },
  }
}

function doorFields({ service, tty, rhost }: AuditDoor, pid?: number): EcsDocument {
  // An index refuses a document whose source.ip is none, or has a zone: then the event is lost.
  const isAddress = isIP(rhost) !== 0 && !rhost.includes('%')
  return {
    process: {
      name: service,
      ...(pid === undefined ? {} : { pid }),
      ...(tty === '' ? {} : { tty: { name: tty } }),
    },
    ...(rhost === '' ? {} : { source: { address: rhost, ...(isAddress ? { ip: rhost } : {}) } }),
  }
}

function keyFields(key: AuditKey | undefined): EcsDocument {
  if (key === undefined) return {}
  const { fingerprint, type, id, certificate } = key
  return {
    key: {
      fingerprint,
      type,
      ...(id === undefined ? {} : { id }),
      ...(certificate === undefined ? {} : { certificate }),
    },
  }
}

function sentence(event: AuditEvent): string {
  switch (event.action) {
    case 'login-allowed':
    case 'login-refused':
      return `${event.subject.linuxUser}: ${event.action} (${event.rule}) by ${event.door.service} from ${event.door.rhost || 'this host'}`
    case 'key-offered':
    case 'key-refused':
      return `${event.subject.linuxUser}: ${event.action} ${event.key.fingerprint}: ${event.reason}`
    case 'session-open':
    case 'session-close':
    case 'sudo':
      return `${event.subject.linuxUser}: ${event.action} ${event.door.service} from ${event.door.rhost || 'this host'}`
    case 'access-lost':
      return `${event.subject.linuxUser}: ${event.action}: ${event.reason}; sessions ${event.sessions}`
    case 'user-renamed':
      return `${event.subject.linuxUser}: ${event.action} from ${event.previousName}: ${event.reason}`
    case 'leftovers-found':
      return `${event.subject.linuxUser}: ${event.action}: ${event.reason}`
    case 'directory-changed':
      return `directory changed: added ${event.added.join(', ') || 'nobody'}, removed ${event.removed.join(', ') || 'nobody'}`
    case 'source-failing':
    case 'source-recovered':
      return `${event.action}: ${event.reason}`
  }
}

/** Where events happen. */
export type AuditHost = {
  readonly name: string
  /** Undefined off EC2, and until the instance metadata has answered. */
  readonly cloud: () => Cloud | undefined
}

function cloudFields(cloud: Cloud | undefined): EcsDocument {
  if (cloud === undefined) return {}
  const { accountId, instanceId, region, availabilityZone } = cloud
  return {
    cloud: {
      provider: 'aws',
      account: { id: accountId },
      instance: { id: instanceId },
      region,
      availability_zone: availabilityZone,
    },
  }
}

/** Spells one event as a document with ECS field names; what ECS lacks is under `iamlogin`. */
export function toEcs(event: AuditEvent, host: AuditHost): EcsDocument {
  const { category, type, outcome } = kinds[event.action]
  const subject = 'subject' in event ? event.subject : undefined
  const door = 'door' in event ? event.door : undefined
  const durationMs = event.action === 'session-close' ? event.durationMs : undefined
  return {
    '@timestamp': new Date(event.at).toISOString(),
    ecs: { version: '8.11.0' },
    message: sentence(event),
    event: {
      kind: 'event',
      module: 'iamlogin',
      dataset: 'iamlogin.audit',
      action: event.action,
      category,
      type,
      outcome,
      ...('reason' in event ? { reason: event.reason } : {}),
      ...(durationMs === undefined ? {} : { duration: durationMs * 1_000_000 }),
    },
    host: { hostname: host.name },
    ...cloudFields(host.cloud()),
    ...(subject === undefined ? {} : subjectFields(subject, door?.ruser ?? '')),
    ...(door === undefined ? {} : doorFields(door, 'pid' in event ? event.pid : undefined)),
    iamlogin: {
      ...(subject?.person === undefined ? {} : { principal: { arn: subject.person.arn } }),
      ...keyFields('key' in event ? event.key : undefined),
      ...('rule' in event ? { rule: event.rule } : {}),
      ...('session' in event ? { session: event.session } : {}),
      ...('stale' in event ? { stale: event.stale } : {}),
      ...(event.action === 'access-lost' ? { sessions: event.sessions } : {}),
      ...(event.action === 'user-renamed' ? { previous_name: event.previousName } : {}),
      ...(event.action === 'directory-changed'
        ? { added: event.added, removed: event.removed, users: event.users, groups: event.groups }
        : {}),
      ...('code' in event ? { code: event.code } : {}),
    },
  }
}

// What packaging/logging/ promises about fields: every one that an event can have is mapped, and the
// dashboard asks for no other.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toEcs } from '../src/audit/ecs.ts'
import type { AuditDoor, AuditEvent, AuditKey, AuditSubject } from '../src/audit/event.ts'
import { aUser } from './support/builders.ts'
import {
  fieldsShown,
  indexTemplate,
  leavesOf,
  mappedTypes,
  savedObjects,
} from './support/elasticsearch.ts'

const at = Date.parse('2026-01-31T12:00:00Z')
const subject: AuditSubject = {
  linuxUser: 'alice',
  uid: 1_879_048_200,
  person: aUser({ name: 'Alice' }),
}
const key: AuditKey = {
  ...{ fingerprint: 'SHA256:x', type: 'ssh-ed25519', id: 'APKA1' },
  certificate: { id: 'alice@ca', serial: '7' },
}
const door: AuditDoor = { service: 'sshd', tty: 'ssh', rhost: '192.0.2.7', ruser: 'bob' }
const told = { subject, door, rule: 'access.groups', reason: 'a member', stale: true }
const keyTold = { subject, key, reason: 'a member', stale: true }
const session = { subject, door, key, session: '0a', pid: 7 }

/** One event of each action, with every field that it can have. */
const events: { readonly [Action in AuditEvent['action']]: AuditEvent & { action: Action } } = {
  'login-allowed': { at, action: 'login-allowed', ...told },
  'login-refused': { at, action: 'login-refused', ...told },
  'key-offered': { at, action: 'key-offered', ...keyTold },
  'key-refused': { at, action: 'key-refused', ...keyTold },
  'session-open': { at, action: 'session-open', ...session },
  'session-close': { at, action: 'session-close', ...session, durationMs: 5 },
  sudo: { at, action: 'sudo', ...session },
  'access-lost': { at, action: 'access-lost', subject, reason: 'left', sessions: 'terminated' },
  'user-renamed': { at, action: 'user-renamed', subject, previousName: 'al', reason: 'renamed' },
  'leftovers-found': { at, action: 'leftovers-found', subject, reason: 'the home' },
  'directory-changed': {
    at,
    action: 'directory-changed',
    ...{ added: ['alice'], removed: ['bob'], users: 1, groups: 1 },
  },
  'source-failing': { at, action: 'source-failing', code: 'source_denied', reason: 'denied' },
  'source-recovered': { at, action: 'source-recovered', code: 'source_denied', reason: 'answers' },
}
const cloud = {
  accountId: '123456789012',
  instanceId: 'i-1',
  region: 'eu-central-1',
  availabilityZone: 'eu-central-1a',
}
const host = { name: 'web-1', cloud: () => cloud }
const types = mappedTypes(indexTemplate)

/** The JSON type that a mapping is for. */
const jsonTypes: Readonly<Record<string, string>> = {
  keyword: 'string',
  match_only_text: 'string',
  ip: 'string',
  date: 'string',
  long: 'number',
  boolean: 'boolean',
}

describe('the index template', () => {
  it.each(Object.values(events))('maps every field of $action, with its type', (event) => {
    for (const [field, value] of leavesOf(toEcs(event, host))) {
      const values: readonly unknown[] = Array.isArray(value) ? value : [value]
      for (const each of values)
        expect([field, jsonTypes[types.get(field) ?? 'none']]).toEqual([field, typeof each])
    }
  })

  it('maps what the pipelines add', () => {
    expect(types.get('iamlogin.unreported')).toBe('boolean')
  })

  it('refuses no document for a field that it does not know', () => {
    expect(indexTemplate.template.mappings['dynamic']).toBe(false)
  })
})

describe('source.ip', () => {
  it.each([
    ['192.0.2.7', true],
    ['2001:db8::7', true],
    ['fe80::1%eth0', false],
    ['cafe', false],
    ['1.2', false],
    ['bastion.example.com', false],
  ])('of %s: %s', (rhost, isAddress) => {
    const document = toEcs({ ...events['login-allowed'], door: { ...door, rhost } }, host)
    expect(document['source']).toEqual({ address: rhost, ...(isAddress ? { ip: rhost } : {}) })
  })
})

describe('the dashboard', () => {
  const objects = savedObjects()

  it.each(objects)('has in $attributes.title only fields that are mapped', (object) => {
    for (const field of fieldsShown(object)) expect([...types.keys()]).toContain(field)
  })

  it('refers only to objects of its own file, each by the name that stands in it', () => {
    const known = new Set(objects.map(({ type, id }) => `${type}/${id}`))
    for (const { references, attributes } of objects) {
      for (const { type, id } of references) expect(known).toContain(`${type}/${id}`)
      const names = references.map(({ name }) => name)
      const index = attributes.kibanaSavedObjectMeta?.searchSourceJSON.indexRefName
      const panels = (attributes.panelsJSON ?? []).map(({ panelRefName }) => panelRefName)
      expect(names.toSorted()).toEqual(
        [...(index === undefined ? [] : [index]), ...panels].toSorted(),
      )
    }
  })

  it('shows every other object', () => {
    const dashboard = objects.find(({ type }) => type === 'dashboard')
    const shown = dashboard?.references.map(({ id }) => id) ?? []
    const others = objects.filter(({ type }) => type !== 'dashboard' && type !== 'index-pattern')
    expect(shown.toSorted()).toEqual(others.map(({ id }) => id).toSorted())
  })
})

describe('the pipelines', () => {
  const folder = resolve(import.meta.dirname, '../packaging/logging')
  const [rsyslog, fluentd, vector] = [
    'rsyslog/30-iamlogin-documents.conf',
    'fluentd/iamlogin.conf',
    'vector/iamlogin.yaml',
  ].map((name) => readFileSync(resolve(folder, name), 'utf8'))
  const all = [rsyslog ?? '', fluentd ?? '', vector ?? '']
  const found = (pattern: RegExp) =>
    all.map((text) => [...new Set(text.match(pattern) ?? [])].toSorted())

  it("know the same of OpenSSH's programs", () => {
    const [first, ...others] = found(/"\/usr\/[a-z0-9/]*sshd[a-z-]*"/g)
    expect(first).toHaveLength(10)
    for (const each of others) expect(each).toEqual(first)
  })

  it('read the same fields of an unreported entry', () => {
    const [first, ...others] = found(/(?<!@)IAMLOGIN_[A-Z_]+/g)
    expect(first).toContain('IAMLOGIN_UNREPORTED')
    for (const each of others) expect(each).toEqual(first)
  })

  it('know each action that a door can tell', () => {
    const told = ['login-allowed', 'login-refused', 'key-offered', 'key-refused'] as const
    for (const action of [...told, 'session-open', 'session-close', 'sudo'] as const)
      for (const text of all) expect(text).toContain(`"${action}"`)
  })
})

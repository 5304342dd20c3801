import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { toEcs } from '../../src/audit/ecs.ts'
import { notifiableEvents } from '../../src/config/schema.ts'
import {
  aHost,
  aKey,
  alicesSubject,
  aLoss,
  anyEvent,
  eventsOf,
  fromAfar,
} from '../support/audit.ts'

/** The values that ECS 8.11 allows in its categorisation fields, as far as they are used. */
const ecs = z.looseObject({
  '@timestamp': z.iso.datetime(),
  ecs: z.object({ version: z.literal('8.11.0') }),
  message: z.string().min(1),
  event: z.looseObject({
    kind: z.literal('event'),
    action: z.enum(notifiableEvents),
    category: z.array(z.enum(['authentication', 'session', 'iam', 'network'])).min(1),
    type: z
      .array(
        z.enum([
          'allowed',
          'denied',
          'info',
          'start',
          'end',
          'user',
          'deletion',
          'change',
          'error',
        ]),
      )
      .min(1),
    outcome: z.enum(['success', 'failure', 'unknown']),
    duration: z.int().nonnegative().optional(),
  }),
  host: z.object({ hostname: z.string() }),
  source: z
    .object({ address: z.string(), ip: z.union([z.ipv4(), z.ipv6()]).optional() })
    .optional(),
})

const opened = {
  action: 'session-open',
  at: Date.UTC(2026, 10, 24, 8),
  subject: alicesSubject,
  door: fromAfar,
  session: 'a'.repeat(32),
  pid: 7,
  key: aKey,
} as const

describe('toEcs', () => {
  it('keeps to the fields and values of the schema, whatever the event holds', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(() => ecs.parse(JSON.parse(JSON.stringify(toEcs(event, aHost))))).not.toThrow()
      }),
    )
  })

  it('knows every event that [notify] can choose, and no other', () => {
    expect(Object.keys(eventsOf).toSorted()).toEqual([...notifiableEvents].toSorted())
  })

  it('names the person, the account they entered, the key and the address', () => {
    expect(toEcs(opened, aHost)).toEqual({
      '@timestamp': '2026-11-24T08:00:00.000Z',
      ecs: { version: '8.11.0' },
      message: 'alice: session-open sshd from 192.0.2.7',
      event: {
        kind: 'event',
        module: 'iamlogin',
        dataset: 'iamlogin.audit',
        action: 'session-open',
        category: ['session'],
        type: ['start'],
        outcome: 'success',
      },
      host: { hostname: 'web-1' },
      user: {
        name: 'Alice',
        id: 'AIDAALICE',
        effective: { name: 'alice', id: '1900000001' },
      },
      related: { user: ['alice', 'Alice'] },
      process: { name: 'sshd', pid: 7, tty: { name: 'ssh' } },
      source: { address: '192.0.2.7', ip: '192.0.2.7' },
      iamlogin: {
        principal: { arn: 'arn:aws:iam::123456789012:user/Alice' },
        key: { fingerprint: 'SHA256:abc', type: 'ssh-ed25519', id: 'APKA1' },
        session: 'a'.repeat(32),
      },
    })
  })

  it('names the account alone where nobody is known behind it', () => {
    const document = toEcs({ ...opened, subject: { linuxUser: 'ec2-user' } }, aHost)
    expect(document).toMatchObject({
      user: { name: 'ec2-user', effective: { name: 'ec2-user' } },
      related: { user: ['ec2-user'] },
    })
    expect(document['user']).not.toHaveProperty('id')
    expect(document['iamlogin']).not.toHaveProperty('principal')
  })

  it('relates who asked, too', () => {
    const door = { ...fromAfar, service: 'sudo', rhost: '', ruser: 'alice' }
    const subject = { ...alicesSubject, linuxUser: 'root' }
    expect(toEcs({ ...opened, action: 'sudo', subject, door }, aHost)).toMatchObject({
      related: { user: ['root', 'Alice', 'alice'] },
    })
  })

  it.each([
    ['192.0.2.7', { address: '192.0.2.7', ip: '192.0.2.7' }],
    ['2001:db8::7', { address: '2001:db8::7', ip: '2001:db8::7' }],
    ['bastion.example.com', { address: 'bastion.example.com' }],
    ['beef', { address: 'beef' }],
    ['1.2', { address: '1.2' }],
    ['fe80::1%eth0', { address: 'fe80::1%eth0' }],
    ['', undefined],
  ])('takes %j for an address only where it is one', (rhost, source) => {
    expect(toEcs({ ...opened, door: { ...fromAfar, rhost } }, aHost)['source']).toEqual(source)
  })

  it('gives the length of a session in nanoseconds', () => {
    const closed = { ...opened, action: 'session-close', durationMs: 90_000 } as const
    expect(toEcs(closed, aHost)).toMatchObject({ event: { duration: 90_000_000_000 } })
  })

  it('tells what became of the sessions of who lost access', () => {
    expect(toEcs(aLoss(), aHost)).toMatchObject({
      message:
        'alice: access-lost: deleted, or in no group of access.groups any more; sessions terminated',
      event: { category: ['iam'], type: ['user', 'deletion'] },
      iamlogin: { sessions: 'terminated' },
    })
  })

  it('tells on which instance, once that is known', () => {
    expect(toEcs(opened, aHost)).not.toHaveProperty('cloud')
    const cloud = {
      accountId: '123456789012',
      instanceId: 'i-0abc',
      region: 'eu-west-1',
      availabilityZone: 'eu-west-1a',
    }
    expect(toEcs(opened, { name: 'web-1', cloud: () => cloud })['cloud']).toEqual({
      provider: 'aws',
      account: { id: '123456789012' },
      instance: { id: 'i-0abc' },
      region: 'eu-west-1',
      availability_zone: 'eu-west-1a',
    })
  })
})

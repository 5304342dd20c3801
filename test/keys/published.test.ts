// keys.db's bytes: the vector that the key command's tests read is made by this writer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import type { SourceKey, UnreadPart } from '../../src/directory/types.ts'
import { FormatError } from '../../src/errors.ts'
import { decodeKnownKeys, opensMore } from '../../src/keys/known-keys.ts'
import { nothingPublished, encodePublished, type PublishedInput } from '../../src/keys/published.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import type { BootTime } from '../../src/platform/boot-time.ts'
import { momentOf, savedMoment, wallOf, type Moment } from '../../src/platform/clock.ts'
import { sumOf } from '../../src/snapshot/sum.ts'
import { createReader } from '../../src/wire/bytes.ts'
import {
  aClock,
  aSource,
  aUser,
  keysConfig,
  noLocal,
  noPins,
  someRules,
} from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const key =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzxaWLU4GYbOrnSWbvWRyhPKBjaY6nGWO4wsbr89PQZ comment'
const other =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f other'
const now = 1_700_000_000_000
const offlineMs = 604_800_000
const alice = aUser({ name: 'alice' })
const bob = aUser({ name: 'bob' })
const outsider = aUser({ name: 'outsider' })

function known(
  id: string,
  keys: readonly Partial<SourceKey>[],
  more: Partial<SavedCredentials> = {},
): SavedCredentials {
  const all = keys.map((each, at) => ({
    id: `APKA${at}`,
    origin: 'iam' as const,
    body: key,
    ...each,
  }))
  return { id, fetchedAt: now, credentials: { keys: all }, ...more }
}

function input(fields: Partial<PublishedInput> = {}): PublishedInput {
  const rules = someRules({
    ids: { min: 1_879_048_192, max: 2_147_483_647 },
    sharedAccounts: { 'ec2-user': ['ops'], root: ['ops'], absent: ['ops'] },
  })
  const source = aSource([alice, bob, outsider], {
    developers: ['alice', 'bob'],
    ops: ['bob', 'outsider'],
  })
  const local = {
    ...noLocal,
    users: new Map([
      ['root', 0],
      ['ec2-user', 1000],
    ]),
    groups: new Map([['root', 0]]),
  }
  const directory = buildDirectory({ source, rules, local, pins: noPins })
  return {
    directory: viewOf(directory),
    local,
    people: [known(alice.id, [{}, { id: 'tag:iamlogin:ssh-key', origin: 'tag', body: other }])],
    keys: keysConfig,
    requireMfa: false,
    offlineMs,
    now,
    bootTime: undefined,
    wallOf: ({ wall }) => wall,
    ...fields,
  }
}

type Known = {
  readonly account: string
  readonly uid: number
  readonly kind: number
  readonly keys: readonly {
    readonly until: number
    readonly line: string
    readonly id: string
    readonly owner: readonly string[]
  }[]
}

/** Reads the bytes as keys-file.h says, every sum and length checked. */
function read(bytes: Buffer): readonly Known[] {
  expect(bytes.toString('latin1', 0, 8)).toBe('IAMLKEY2')
  expect(bytes.readUInt32LE(8)).toBe(sumOf(bytes, 12, 56))
  expect(Number(bytes.readBigUInt64LE(16))).toBe(bytes.length)
  const found: Known[] = []
  let at = 56
  while (at < bytes.length) {
    const end = at + 8 + bytes.readUInt32LE(at + 4)
    expect(bytes.readUInt32LE(at)).toBe(sumOf(bytes, at + 4, end))
    const reader = createReader(bytes.subarray(at + 8, end))
    found.push({
      account: reader.str(),
      uid: reader.u32(),
      kind: reader.u32(),
      keys: reader.list(() => ({
        until: Number(reader.u64()),
        line: reader.str(),
        id: reader.str(),
        owner: [reader.str(), reader.str(), reader.str()],
      })),
    })
    reader.end()
    at = end + (-end & 3)
  }
  expect(found.length).toBe(bytes.readUInt32LE(12))
  return found
}

const published = async (fields: Partial<PublishedInput> = {}) =>
  read(await encodePublished(input(fields)))

describe('encodePublished', () => {
  it.each([
    ['keys-db-lasting', Number.MAX_SAFE_INTEGER],
    ['keys-db-expired', 0],
  ])('gives the bytes of the vector %s', async (name, offlineMs) => {
    const people = [
      ...input().people,
      known(bob.id, [{ id: 'APKAbob', body: other }]),
      known(outsider.id, [{ id: 'APKAoutsider' }]),
    ]
    const bytes = await encodePublished(input({ people, offlineMs }))
    const vector = readFileSync(join(import.meta.dirname, `../vectors/${name}.hex`), 'utf8')
    expect(bytes.toString('hex')).toBe(vector.replace(/\s/g, ''))
  })

  it('names the account, its uid, and of each key whose it is and until when it serves', async () => {
    expect(await published()).toEqual([
      {
        account: 'alice',
        uid: input().directory.accountById(alice.id)?.passwd.uid,
        kind: 0,
        keys: [
          {
            until: now + offlineMs,
            line: expect.stringMatching(/^ssh-ed25519 \S+ iamlogin:alice:APKA0$/) as string,
            id: 'APKA0',
            owner: ['alice', 'AIDAalice', 'arn:aws:iam::123456789012:user/alice'],
          },
          expect.objectContaining({ id: 'tag:iamlogin:ssh-key' }),
        ],
      },
    ])
  })

  it('opens a shared account to the people of its groups, also to those who are nobody here', async () => {
    const people = [
      known(alice.id, [{}]),
      known(bob.id, [{}]),
      known(outsider.id, [{ id: 'APKAo' }]),
    ]
    const shared = (await published({ people })).filter(({ kind }) => kind === 1)
    expect(shared).toMatchObject([
      {
        account: 'ec2-user',
        uid: 1000,
        keys: [{ owner: ['bob', 'AIDAbob', bob.arn] }, { id: 'APKAo' }],
      },
    ])
    expect((await published({ people })).map(({ account }) => account)).not.toContain('outsider')
  })

  it('opens neither root nor an account that does not exist', async () => {
    const accounts = (await published({ people: [known(bob.id, [{}])] })).map(
      ({ account }) => account,
    )
    expect(accounts).toEqual(['bob', 'ec2-user'])
  })

  it('leaves out who became local and who is gone, and gives who has no valid key none', async () => {
    const local = { users: new Map([['alice', 1001]]), groups: new Map<string, number>() }
    const people = [
      known(alice.id, [{}]),
      known('AIDAgone', [{}]),
      known(bob.id, [{ body: 'no key' }]),
    ]
    expect(await published({ people, local })).toMatchObject([{ account: 'bob', keys: [] }])
  })

  it('gives no key of who has no MFA device where one is required', async () => {
    const credentials = known(alice.id, [{}]).credentials
    const people = [
      { id: alice.id, fetchedAt: now, credentials: { ...credentials, mfa: true } },
      { id: bob.id, fetchedAt: now, credentials: { ...credentials, mfa: false } },
      known(outsider.id, [{}]),
    ]
    const counts = (await published({ people, requireMfa: true })).map(({ account, keys }) => [
      account,
      keys.length,
    ])
    expect(counts).toEqual([
      ['alice', 1],
      ['bob', 0],
    ])
  })

  it('lets keys of a part that could not be read serve no longer than since it was', async () => {
    const { credentials } = known(alice.id, [
      {},
      { id: 'tag:iamlogin:ssh-key', origin: 'tag', body: other },
    ])
    const unread = (part: 'tags' | 'mfa', lastReadAt?: number) => ({
      ...{ part, code: 'source_denied', message: 'm', hint: 'h' },
      ...(lastReadAt === undefined ? {} : { lastReadAt }),
    })
    const untilOf = async (parts: readonly UnreadPart[]) =>
      (
        await published({
          requireMfa: true,
          people: [
            {
              id: alice.id,
              fetchedAt: now,
              credentials: { ...credentials, mfa: true, unread: parts },
            },
          ],
        })
      )[0]?.keys.map(({ until }) => until - now - offlineMs)
    expect(await untilOf([unread('tags', now - 5_000)])).toEqual([0, -5_000])
    expect(await untilOf([unread('mfa', now - 5_000)])).toEqual([-5_000, -5_000])
    expect(await untilOf([unread('tags')])).toEqual([0])
  })

  it('counts the age of a reading by the monotonic clock, whatever the wall clock was set to', async () => {
    const clock = aClock(now)
    const read = momentOf(clock)
    clock.step(-86_400_000)
    const after = aClock(now + 5_000)
    after.step(-86_400_000)
    const saved = { ...known(alice.id, [{}]), read, partsRead: new Map() }
    const times = { now: after.now(), wallOf: (moment: Moment) => wallOf(after, moment) }
    const [person] = await published({ people: [saved], ...times })
    expect(person?.keys.map(({ until }) => until - after.now())).toEqual([offlineMs - 5_000])
  })

  it('lets no key serve whose reading, saved by an earlier run, lies in the future', async () => {
    const clock = aClock(now)
    const times = { wallOf: (moment: Moment) => wallOf(clock, moment) }
    const ahead = { ...known(alice.id, [{}]), read: savedMoment(clock, now + 1) }
    expect((await published({ people: [ahead], ...times }))[0]?.keys).toMatchObject([
      { until: now - 1 },
    ])
    const then = { ...known(alice.id, [{}]), read: savedMoment(clock, now) }
    expect((await published({ people: [then], ...times }))[0]?.keys).toMatchObject([
      { until: now + offlineMs },
    ])
    const { credentials } = known(alice.id, [{ origin: 'tag' }])
    const unread = [
      { part: 'tags' as const, code: 'source_denied', message: 'm', hint: 'h', lastReadAt: 1 },
    ]
    const parts = {
      ...known(alice.id, []),
      credentials: { ...credentials, unread },
      partsRead: new Map([['tags' as const, savedMoment(clock, now + 1)]]),
    }
    expect((await published({ people: [parts], ...times }))[0]?.keys).toMatchObject([
      { until: now - 1 },
    ])
  })

  it.each<readonly [string, BootTime | undefined]>([
    ['by both clocks', { boot: 0xfedc_ba98_7654_3210n, ms: 4_321 }],
    ['by the wall clock where the boot is unknown', undefined],
  ])('says when it was written, %s', async (_how, bootTime) => {
    const { boot = 0n, ms = 0 } = bootTime ?? {}
    const header = { requireMfa: true, now, bootTime }
    for (const bytes of [await encodePublished(input(header)), nothingPublished(header)])
      expect([
        bytes.readBigUInt64LE(24),
        bytes.readBigInt64LE(32),
        bytes.readBigInt64LE(40),
        bytes.readBigUInt64LE(48),
      ]).toEqual([1n, BigInt(now), BigInt(ms), boot])
  })

  it('lets a key serve no longer than keys.max_age', async () => {
    const keys = { ...keysConfig, maxAgeMs: 1_000 }
    const people = [
      known(alice.id, [{ uploadedAt: now - 400 }, { id: 'old', uploadedAt: now - 1_001 }]),
    ]
    expect((await published({ people, keys }))[0]?.keys).toMatchObject([
      { id: 'APKA0', until: now + 600 },
    ])
  })

  it('keeps every length, sum and count right for any people', async () => {
    const person = fc.record({
      name: fc.constantFrom('alice', 'bob', 'outsider', 'nobody'),
      ids: fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 5 }),
      fetchedAt: fc.integer({ min: 0, max: now }),
    })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(person, { selector: ({ name }) => name }), async (drawn) => {
        const people = drawn.map(({ name, ids, fetchedAt }) =>
          known(
            `AIDA${name}`,
            ids.map((id) => ({ id })),
            { fetchedAt },
          ),
        )
        const counts = new Map(drawn.map(({ name, ids }) => [name as string, ids.length]))
        for (const { account, kind, keys } of await published({ people }))
          if (kind === 0) expect(keys.length).toBe(counts.get(account))
          else expect(keys.length).toBeGreaterThan(0)
      }),
    )
  })

  it('is read back as it was written', async () => {
    const bytes = await encodePublished(input())
    const told = read(bytes).map(({ keys, ...each }) => ({
      ...each,
      keys: keys.map(({ owner: [name, id, arn], ...more }) => ({
        ...more,
        owner: { name, id, arn },
      })),
    }))
    expect(decodeKnownKeys(bytes)).toEqual(told)
  })

  it('is read back whole or not at all, whichever bit is flipped and wherever it is cut', async () => {
    const bytes = await encodePublished(input())
    const truth = decodeKnownKeys(bytes)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      let found: unknown = truth
      try {
        found = decodeKnownKeys(flipped)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
      // Only padding is in no sum.
      expect(found).toEqual(truth)
    }
    for (let size = 0; size < bytes.length; size++)
      expect(() => decodeKnownKeys(bytes.subarray(0, size))).toThrow()
  })
})

describe('who may not enter by what was read last', () => {
  const unread = (part: UnreadPart['part']): UnreadPart => ({
    part,
    code: 'source_denied',
    message: 'no',
    hint: 'h',
  })
  const creds = (credentials: SavedCredentials['credentials']) => ({
    people: [{ ...known(alice.id, []), credentials }],
  })
  const good = { id: 'APKA0', origin: 'iam' as const, body: key }
  const shut = [expect.objectContaining({ account: 'alice', kind: 0, keys: [] })]

  it.each<readonly [string, SavedCredentials['credentials'], boolean]>([
    ['no key', { keys: [] }, false],
    ['an inactive key', { keys: [{ ...good, inactive: true }] }, false],
    ['a malformed key', { keys: [{ ...good, body: 'ssh-rsa no' }] }, false],
    ['no MFA device', { keys: [good], mfa: false }, true],
    ['a device, and no key', { keys: [], mfa: true }, true],
  ])('has a record without keys for a person with %s', async (_what, credentials, requireMfa) => {
    expect(await published({ ...creds(credentials), requireMfa })).toEqual(shut)
  })

  it.each<readonly [string, SavedCredentials['credentials'], boolean]>([
    ['uploaded keys', { keys: [], unread: [unread('uploads')] }, false],
    ['MFA devices', { keys: [good], unread: [unread('mfa')] }, true],
  ])('has none for a person whose %s were never read', async (_what, credentials, requireMfa) => {
    expect(await published({ ...creds(credentials), requireMfa })).toEqual([])
  })

  it('has keys that are merely too old: age shuts nobody out of cron and su', async () => {
    expect((await published({ offlineMs: 0 }))[0]?.keys).toHaveLength(2)
  })

  it.each([
    [false, 0n],
    [true, 1n],
  ])('says whether access.require_mfa is set: %s', async (requireMfa, flags) => {
    expect((await encodePublished(input({ requireMfa }))).readBigUInt64LE(24)).toBe(flags)
  })
})

describe('opensMore', async () => {
  const bytesOf = (fields: Partial<PublishedInput>): Promise<Buffer> =>
    encodePublished(input(fields))
  const both = await bytesOf({ people: [known(alice.id, [{}]), known(bob.id, [{}])] })
  const one = await bytesOf({ people: [known(alice.id, [{}])] })
  const none = await bytesOf({ people: [] })
  const shut = await bytesOf({ people: [known(alice.id, [])] })
  const strictNone = await bytesOf({ people: [], requireMfa: true })
  const strictShut = await bytesOf({ people: [known(alice.id, [])], requireMfa: true })

  it.each([
    ['the same', both, both, false],
    ['a person more on disk', both, one, true],
    ['a person less on disk', one, both, false],
    [
      'another key on disk',
      await bytesOf({ people: [known(alice.id, [{ body: other }])] }),
      one,
      true,
    ],
    [
      'a later end on disk',
      one,
      await bytesOf({ people: [known(alice.id, [{}])], offlineMs: 1 }),
      false,
    ],
    ['half a file on disk', both.subarray(0, 200), one, false],
    ['a person shut on disk alone', shut, one, false],
    ['a person on disk who is shut now', one, shut, true],
    ['a person not on disk who is shut now', none, shut, true],
    ['the same person shut', shut, shut, false],
    ['no require_mfa on disk', none, strictNone, true],
    ['require_mfa on disk alone', strictNone, none, false],
    ['require_mfa on disk, which refuses the person anyway', strictNone, strictShut, false],
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(opensMore(onDisk, wanted)).toBe(expected)
  })
})

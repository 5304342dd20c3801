import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type {
  Identity,
  SourceCredentials,
  SourceKey,
  UnreadPart,
} from '../../src/directory/types.ts'
import { fingerprintOf } from '../../src/keys/authorized-key.ts'
import { SourceError } from '../../src/errors.ts'
import { createKeyLookup } from '../../src/keys/lookup.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import { createCallBudget } from '../../src/platform/call-budget.ts'
import {
  aClock,
  aKey,
  aUser,
  collectingLog,
  keysConfig,
  type LogLine,
} from '../support/builders.ts'
import { generateKey } from '../support/keygen.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const alice = aUser({ name: 'alice' })

const ed25519 = generateKey(folder, 'ed25519', '256')
const credentials: SourceCredentials = {
  keys: [{ id: 'APKA1', origin: 'iam', body: ed25519.body }],
}

function aLookup(
  saved: readonly SavedCredentials[] = [],
  more: { readonly savedIsStale?: boolean } = {},
) {
  const clock = aClock()
  const state = {
    fetches: 0,
    failing: false,
    hanging: false,
    nameless: false,
    credentials,
    /** In place of `credentials`, by user id. */
    of: new Map<string, SourceCredentials>(),
    writing: Promise.resolve(),
    identity: (): Promise<Identity> => Promise.resolve('same'),
  }
  const reads: string[] = []
  const lines: LogLine[] = []
  /** Of whom it was asked whether the name is still theirs, and by a read of the directory. */
  const confirmed: string[] = []
  const reread: string[] = []
  const lookup = createKeyLookup({
    clock,
    saved,
    keys: keysConfig,
    offlineMs: 3_600_000,
    budgetMs: 5_000,
    doubt: { windowMs: 60_000, againMs: 30_000 },
    bucket: createCallBudget({ clock, perMinute: 60 }),
    callsPerPerson: 2,
    savedIsStale: more.savedIsStale ?? false,
    confirm: (user) => {
      reread.push(user.name)
      return state.identity()
    },
    identify: (user) => {
      confirmed.push(user.name)
      return state.identity()
    },
    log: collectingLog(lines),
    onRead: async (what) => {
      reads.push(what)
      await state.writing
    },
    fetchCredentials: async (user) => {
      state.fetches++
      await Promise.resolve()
      if (state.hanging) await new Promise(() => undefined)
      if (state.nameless)
        throw new SourceError('source_unknown_user', 'asking about alice: none', { hint: 'h' })
      if (state.failing) throw new Error('no network')
      return state.of.get(user.id) ?? state.credentials
    },
  })
  return { clock, state, lookup, reads, confirmed, reread, lines }
}

describe('createKeyLookup', () => {
  it('asks the source once within keys.ttl', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(29_000)
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: false })
    expect(state.fetches).toBe(1)
    await clock.advance(1_001)
    await lookup.of(alice)
    expect(state.fetches).toBe(2)
  })

  it.each([-86_400_000, 86_400_000])(
    'is fresh for keys.ttl and no longer when the clock is set by %d ms',
    async (ms) => {
      const { lookup, state, clock } = aLookup()
      await lookup.of(alice)
      clock.step(ms)
      await clock.advance(29_000)
      await lookup.of(alice)
      expect(state.fetches).toBe(1)
      state.credentials = { keys: [] }
      await clock.advance(1_001)
      expect(await lookup.of(alice)).toMatchObject({ status: 'success', keys: [], stale: false })
    },
  )

  it.each([-86_400_000, 86_400_000])(
    'serves the last known keys for source.offline, with the clock set by %d ms',
    async (ms) => {
      const { lookup, state, clock } = aLookup()
      await lookup.of(alice)
      state.failing = true
      clock.step(ms)
      await clock.advance(3_600_000)
      expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: true })
      await clock.advance(1)
      expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
    },
  )

  it('asks for keys that were saved in the future, and knows them while nobody answers', async () => {
    const future = { id: alice.id, fetchedAt: aClock().now() + 86_400_000, credentials }
    const { lookup, state, clock } = aLookup([future])
    state.failing = true
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: true })
    expect(state.fetches).toBe(1)
    await clock.advance(3_600_001)
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
  })

  it('has one call in flight per person', async () => {
    const { lookup, state } = aLookup()
    await Promise.all(Array.from({ length: 20 }, () => lookup.of(alice)))
    expect(state.fetches).toBe(1)
  })

  it('serves the last known keys while the source fails, until source.offline has passed', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    state.failing = true
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({
      status: 'success',
      stale: true,
      keys: [{ id: 'APKA1' }],
    })
    await clock.advance(3_600_000)
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
  })

  it('cannot say when it never knew and the source fails', async () => {
    const { lookup, state } = aLookup()
    state.failing = true
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail', reason: 'no network' })
  })

  it('takes the last known keys when the source does not answer within the budget', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(31_000)
    state.hanging = true
    const answer = lookup.of(alice)
    await clock.advance(5_000)
    expect(await answer).toMatchObject({ status: 'success', stale: true })
  })

  it('knows after a restart what it knew before', async () => {
    const before = aLookup()
    await before.lookup.of(alice)
    const after = aLookup(before.lookup.all())
    after.state.failing = true
    expect(await after.lookup.of(alice)).toMatchObject({ status: 'success', stale: false })
    await after.clock.advance(60_000)
    expect(await after.lookup.of(alice)).toMatchObject({ status: 'success', stale: true })
  })

  it('asks anew for what another configuration read, and knows it meanwhile', async () => {
    const before = aLookup()
    await before.lookup.of(alice)
    const after = aLookup(before.lookup.all(), { savedIsStale: true })
    await after.lookup.of(alice)
    expect(after.state.fetches).toBe(1)
    const away = aLookup(before.lookup.all(), { savedIsStale: true })
    away.state.failing = true
    expect(await away.lookup.of(alice)).toMatchObject({ status: 'success', stale: true })
  })

  it('forgets what is fresh when it is told to, and keeps it for an outage', async () => {
    const { lookup, state } = aLookup()
    await lookup.of(alice)
    lookup.expire(alice.id)
    await lookup.of(alice)
    expect(state.fetches).toBe(2)
    lookup.expire()
    state.failing = true
    expect(await lookup.of(alice)).toMatchObject({ status: 'success' })
  })

  it('tells whether a person is new, has other keys, or was only read again', async () => {
    const { lookup, state, reads, clock } = aLookup()
    await lookup.of(alice)
    await clock.advance(31_000)
    await lookup.of(alice)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    await lookup.of(alice)
    expect(reads.slice(0, 3)).toEqual(['new', 'same', 'changed'])
  })

  it('answers that a key is gone only when that is on disk', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    const disk = Promise.withResolvers<undefined>()
    state.writing = disk.promise.then(() => undefined)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    let answered = false
    const answer = lookup.of(alice).then((keys) => {
      answered = true
      return keys
    })
    await clock.advance(100)
    expect(answered).toBe(false)
    disk.resolve(undefined)
    expect(await answer).toMatchObject({ status: 'success', keys: [] })
  })

  it('tells nobody what was read before it is on disk, and asks once', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    const disk = Promise.withResolvers<undefined>()
    state.writing = disk.promise.then(() => undefined)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    const told: string[] = []
    const ask = async (who: string) => {
      const answer = await lookup.of(alice)
      told.push(who)
      return answer
    }
    const first = ask('first')
    await clock.advance(100)
    const second = ask('second')
    await clock.advance(100)
    expect(told).toEqual([])
    expect(lookup.known(alice)?.credentials).toEqual(credentials)
    expect(lookup.all()).toMatchObject([{ id: alice.id, credentials: { keys: [] } }])
    disk.resolve(undefined)
    expect(await Promise.all([first, second])).toMatchObject([{ keys: [] }, { keys: [] }])
    expect(lookup.known(alice)?.credentials).toEqual({ keys: [] })
    expect(state.fetches).toBe(2)
  })

  it('cannot say while the disk does not take what the source said', async () => {
    const { lookup, state, clock } = aLookup()
    await lookup.of(alice)
    state.writing = new Promise(() => undefined)
    state.credentials = { keys: [] }
    await clock.advance(31_000)
    const answer = lookup.of(alice)
    await clock.advance(0)
    await clock.advance(5_000)
    expect(await answer).toMatchObject({ status: 'unavail' })
  })

  it('takes nothing for fresh that was on its way when all was to be read again', async () => {
    const { lookup, state } = aLookup()
    const answer = lookup.of(alice)
    lookup.expire()
    await answer
    await lookup.of(alice)
    expect(state.fetches).toBe(2)
  })

  it('tells fingerprints as ssh-keygen does', () => {
    expect(fingerprintOf(ed25519.body.split(' ')[1] ?? '')).toBe(ed25519.fingerprint)
  })
})

describe('createKeyLookup, of a name that may be somebody else’s now', () => {
  const first: SourceCredentials = { keys: [aKey('APKA1')] }
  const replaced: SourceCredentials = { keys: [aKey('APKA2')] }

  /** Alice's keys were read once, and are all other ones when they are read again. */
  async function aReplacement() {
    const made = aLookup()
    made.state.credentials = first
    await made.lookup.of(alice)
    made.confirmed.length = 0
    made.state.credentials = replaced
    await made.clock.advance(31_000)
    return made
  }

  it('takes keys that are all new ones when the directory has the same person, and asks it once', async () => {
    const { lookup, clock, confirmed } = await aReplacement()
    expect(await lookup.of(alice)).toMatchObject({ stale: false, keys: [{ id: 'APKA2' }] })
    await clock.advance(31_000)
    await lookup.of(alice)
    expect(confirmed).toEqual(['alice'])
  })

  it('has no key of a name that is another person’s', async () => {
    const { lookup, state, reads } = await aReplacement()
    state.identity = () => Promise.resolve('another')
    // Stale: the person may have another name, and a session.
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: true, keys: [] })
    expect(lookup.all()).toMatchObject([{ credentials: first }])
    // What was gone was off the disk while it was not known whose name it is.
    expect(reads).toEqual(['new', 'changed', 'changed'])
  })

  it.each([
    ['another', []],
    ['renamed', [{ id: 'APKA1' }]],
  ] as const)(
    'takes nothing from a person (%s) whose old name has no key',
    async (identity, has) => {
      const { lookup, state, reads, confirmed } = await aReplacement()
      state.credentials = { keys: [] }
      state.identity = () => Promise.resolve(identity)
      expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale: true, keys: has })
      expect(confirmed).toEqual(['alice'])
      expect(lookup.all()).toMatchObject([{ credentials: first }])
      expect(reads).toEqual(['new', 'changed', 'changed'])
    },
  )

  it('takes no MFA device from a person who was renamed', async () => {
    const { lookup, state, clock } = aLookup()
    state.credentials = { ...first, mfa: true }
    await lookup.of(alice)
    state.credentials = { ...first, mfa: false }
    state.identity = () => Promise.resolve('renamed')
    await clock.advance(31_000)
    expect(await lookup.of(alice)).toMatchObject({ mfa: true, stale: true })
  })

  it('says nothing of a person never seen whose old name has no key', async () => {
    const { lookup, state } = aLookup()
    state.credentials = { keys: [] }
    state.identity = () => Promise.resolve('renamed')
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
    expect(lookup.all()).toEqual([])
  })

  it.each([
    ['deleted', { keys: [], mfa: true }, { mfa: true, keys: [], refused: [] }],
    [
      'made inactive',
      { keys: [{ ...aKey('APKA1'), inactive: true }], mfa: true },
      { mfa: true, keys: [], refused: [{ id: 'APKA1' }] },
    ],
    [
      'left without its MFA device',
      { ...first, mfa: false },
      { mfa: false, keys: [{ id: 'APKA1' }] },
    ],
  ] as const)(
    'opens nothing by a key that was %s, before it is known whose name it is, and for good where that is not',
    async (_, now, wanted) => {
      const { lookup, state, clock, reads } = aLookup()
      state.credentials = { ...first, mfa: true }
      await lookup.of(alice)
      await clock.advance(31_000)
      state.credentials = now
      const identity = Promise.withResolvers<Identity>()
      state.identity = () => identity.promise
      const early = lookup.of(alice)
      await clock.advance(0)
      await clock.advance(5_000)
      expect(await early).toMatchObject({ stale: true, ...wanted })
      const late = lookup.of(alice)
      identity.resolve('unknown')
      expect(await late).toMatchObject({ stale: true, ...wanted })
      expect(reads).toEqual(['new', 'changed'])
      state.failing = true
      await clock.advance(31_000)
      expect(await lookup.of(alice)).toMatchObject({ stale: true, ...wanted })
    },
  )

  it('has no key while the directory cannot be read: none of before is theirs any more', async () => {
    const { lookup, state, clock, confirmed } = await aReplacement()
    state.identity = () => Promise.resolve('unknown')
    // Stale: it takes no session away.
    const last = { status: 'success', stale: true, keys: [] }
    for (let each = 0; each < 10; each++) expect(await lookup.of(alice)).toMatchObject(last)
    expect(confirmed).toHaveLength(1)
    expect(state.fetches).toBe(2)
    expect(lookup.all()).toMatchObject([{ credentials: { keys: [] } }])
    await clock.advance(5_001)
    expect(await lookup.of(alice)).toMatchObject(last)
    expect(confirmed).toHaveLength(2)
    await clock.advance(3_600_000)
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
  })

  describe('where nothing tells whose name it is', () => {
    /** Alice's name has no key, and the question whose it is was not answered once. */
    async function anUnsureLoss() {
      const made = await aReplacement()
      made.state.credentials = { keys: [] }
      made.state.identity = () => Promise.resolve('unknown')
      return made
    }

    it('ends no session, however often the name has no key', async () => {
      const { lookup, clock, confirmed } = await anUnsureLoss()
      for (let each = 1; each < 5; each++) {
        expect(await lookup.of(alice)).toMatchObject({ stale: true, keys: [] })
        expect(confirmed).toHaveLength(each)
        await clock.advance(31_000)
      }
    })

    it('calls nothing fresh that an administrator had read again', async () => {
      const { lookup, state, clock } = await anUnsureLoss()
      state.credentials = replaced
      state.identity = () => Promise.resolve('same')
      await lookup.of(alice)
      state.credentials = { keys: [] }
      state.identity = () => Promise.resolve('unknown')
      await clock.advance(1_000)
      lookup.expire(alice.id)
      expect(await lookup.of(alice)).toMatchObject({ stale: true, keys: [] })
      expect(await lookup.of(alice)).toMatchObject({ stale: true, keys: [] })
    })

    it('asks again after a restart and after a reload', async () => {
      const { lookup } = await anUnsureLoss()
      await lookup.of(alice)
      for (const savedIsStale of [false, true]) {
        const after = aLookup(lookup.all(), { savedIsStale })
        after.state.credentials = { keys: [] }
        after.state.identity = () => Promise.resolve('renamed')
        expect(await after.lookup.of(alice)).toMatchObject({ stale: true })
        expect(after.confirmed).toEqual(['alice'])
      }
    })

    it('has taken from the disk what opens nothing any more before it says so', async () => {
      const { lookup, state, clock } = await anUnsureLoss()
      state.identity = () => new Promise(() => undefined)
      const answer = lookup.of(alice)
      await clock.advance(0)
      expect(lookup.all()).toMatchObject([{ credentials: { keys: [] }, isUnsure: true }])
      await clock.advance(5_000)
      expect(await answer).toMatchObject({ stale: true, keys: [] })
    })
  })

  it('tells no loss once the next lookup has what was known before', async () => {
    const { lookup, state } = await aReplacement()
    state.credentials = { keys: [] }
    const answer = lookup.of(alice)
    const next = aLookup(lookup.handOver(), { savedIsStale: true })
    next.state.failing = true
    const [late, after] = [await answer, await next.lookup.of(alice)]
    expect(late).toMatchObject({ stale: true, keys: [{ id: 'APKA1' }] })
    expect(after).toMatchObject({ stale: true, keys: [{ id: 'APKA1' }] })
  })

  it('asks for others meanwhile', async () => {
    const { lookup, state } = await aReplacement()
    const bob = aUser({ name: 'bob' })
    await lookup.of(bob)
    lookup.expire()
    state.identity = () => Promise.resolve('unknown')
    await lookup.of(alice)
    const before = state.fetches
    await lookup.of(bob)
    expect(state.fetches).toBe(before + 1)
  })

  it('has no key while the directory takes too long, and the new ones after', async () => {
    const { lookup, state, clock, confirmed } = await aReplacement()
    const read = Promise.withResolvers<Identity>()
    state.identity = () => read.promise
    const answer = lookup.of(alice)
    await clock.advance(0)
    await clock.advance(5_000)
    expect(await answer).toMatchObject({ stale: true, keys: [] })
    const second = lookup.of(alice)
    read.resolve('same')
    expect(await second).toMatchObject({ stale: false, keys: [{ id: 'APKA2' }] })
    expect(confirmed).toHaveLength(1)
  })

  it.each([
    ['one key of before is there, which anybody may copy', [aKey('APKA1'), aKey('APKA2')], 1],
    ['no key is left', [], 1],
    ['a key of before is inactive', [{ ...aKey('APKA1'), inactive: true }], 1],
    ['a key of before has another body', [{ ...aKey('APKA2'), id: 'APKA1' }], 1],
    ['a key of before is from elsewhere', [{ ...aKey('APKA1'), origin: 'tag' }], 1],
    ['all is as before', [aKey('APKA1')], 0],
  ] as const)('when %s, asks for the identity %#', async (_what, keys, times) => {
    const { lookup, state, confirmed } = await aReplacement()
    state.credentials = { keys }
    await lookup.of(alice)
    expect(confirmed).toHaveLength(times)
  })

  it('does not believe the first key of who had none, either: a user is deleted after the keys', async () => {
    const { lookup, state, clock, confirmed } = aLookup()
    state.credentials = { keys: [] }
    await lookup.of(alice)
    state.credentials = replaced
    state.identity = () => Promise.resolve('another')
    await clock.advance(31_000)
    expect(await lookup.of(alice)).toMatchObject({ keys: [] })
    expect(confirmed).toEqual(['alice', 'alice'])
  })

  it('identifies a person of whom nothing is known here before the first key counts', async () => {
    const { lookup, state, confirmed } = aLookup()
    state.identity = () => Promise.resolve('another')
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', keys: [] })
    expect(confirmed).toEqual(['alice'])
    expect(lookup.all()).toEqual([])
    state.identity = () => Promise.resolve('same')
    expect(await lookup.of(alice)).toMatchObject({ keys: [{ id: 'APKA1' }] })
  })

  it('takes no key of another person who copied one of hers', async () => {
    const { lookup, state } = await aReplacement()
    state.credentials = { keys: [aKey('APKA1'), aKey('APKA2')] }
    state.identity = () => Promise.resolve('another')
    expect(await lookup.of(alice)).toMatchObject({ keys: [] })
    state.identity = () => Promise.resolve('unknown')
    expect(await lookup.of(alice)).toMatchObject({ stale: true, keys: [{ id: 'APKA1' }] })
  })

  describe('when the name is no user’s any more', () => {
    it.each([
      ['has no key, once the directory tells that she is gone', 'another', [], false],
      ['has no key, and loses no session, while the directory names her', 'same', [], true],
      ['has no key, and loses no session, while nothing tells more', 'unknown', [], true],
      ['has the last known keys once she has another name', 'renamed', [{ id: 'APKA1' }], true],
    ] as const)('%s', async (_, identity, wanted, stale) => {
      const { lookup, state, reread, clock } = await aReplacement()
      state.nameless = true
      const read = Promise.withResolvers<Identity>()
      state.identity = () => read.promise
      const early = lookup.of(alice)
      await clock.advance(0)
      await clock.advance(5_000)
      expect(await early).toMatchObject({ status: 'success', stale: true, keys: [] })
      read.resolve(identity)
      await clock.advance(0)
      lookup.expire()
      state.identity = () => Promise.resolve(identity)
      expect(await lookup.of(alice)).toMatchObject({ status: 'success', stale, keys: wanted })
      expect(reread).toEqual(['alice', 'alice'])
    })

    it('has her keys again, by which she was known, as soon as the name is hers', async () => {
      const { lookup, state, clock } = await aReplacement()
      state.nameless = true
      state.identity = () => Promise.resolve('unknown')
      await lookup.of(alice)
      state.nameless = false
      state.credentials = first
      state.identity = () => Promise.resolve('same')
      await clock.advance(6_000)
      expect(await lookup.of(alice)).toMatchObject({ stale: false, keys: [{ id: 'APKA1' }] })
    })

    it('takes nothing from the person, who may have another name by now', async () => {
      const { lookup, state } = await aReplacement()
      state.nameless = true
      state.identity = () => Promise.resolve('another')
      await lookup.of(alice)
      state.nameless = false
      state.credentials = first
      expect(lookup.all()).toMatchObject([{ credentials: first }])
    })
  })
})

describe('createKeyLookup, of a person whom the directory has by another name', () => {
  it.each([true, false])(
    'tells nothing fresh to who shares the question by the new name (name unused: %s)',
    async (nameless) => {
      const { lookup, state, clock } = aLookup()
      await lookup.of(alice)
      await clock.advance(31_000)
      state.nameless = nameless
      state.credentials = { keys: [...credentials.keys, aKey('APKA9')] }
      state.identity = () => Promise.resolve('renamed')
      const answers = await Promise.all([lookup.of(alice), lookup.of({ ...alice, name: 'alicia' })])
      for (const answer of answers)
        expect(answer).toMatchObject({ stale: true, keys: [{ id: 'APKA1' }] })
      expect(lookup.all()).toMatchObject([{ credentials }])
    },
  )
})

describe('sparingly', () => {
  const person = (number: number) => aUser({ name: `user${number}` })

  it('asks for as many as the bucket allows, and cannot say more', async () => {
    const { lookup, state, clock } = aLookup()
    state.credentials = { keys: [aKey('APKA1')] }
    const ask = async (from: number) => {
      let unknown = 0
      for (let number = from; number < from + 100; number++)
        if ((await lookup.sparingly(person(number))).status === 'unavail') unknown++
      return 100 - unknown
    }
    // Two calls, a body and GetUser each, of sixty; the most that one may cost is set aside.
    expect(await ask(0)).toBe(14)
    expect(await ask(100)).toBe(0)
    expect(state.fetches).toBe(14)
    await clock.advance(30_000)
    expect(await ask(200)).toBe(7)
  })

  it('answers what is fresh, and joins who asks already, for nothing', async () => {
    const { lookup, state } = aLookup()
    for (let number = 0; number < 100; number++) await lookup.sparingly(person(number))
    const before = state.fetches
    await lookup.of(alice)
    expect(await lookup.sparingly(alice)).toMatchObject({ status: 'success' })
    const bob = aUser({ name: 'bob' })
    const [, joined] = await Promise.all([lookup.of(bob), lookup.sparingly(bob)])
    expect(joined).toMatchObject({ status: 'success' })
    expect(state.fetches).toBe(before + 2)
  })

  it('gives nothing back of a fetch that failed', async () => {
    const { lookup, state } = aLookup()
    state.failing = true
    for (let number = 0; number < 100; number++) await lookup.sparingly(person(number))
    expect(state.fetches).toBe(7)
  })
})

describe('the parts of what a person has', () => {
  const upload = aKey('APKA1')
  const tag: SourceKey = { ...aKey('tag:iamlogin:ssh-key'), origin: 'tag' }
  const unread = (part: UnreadPart['part']): UnreadPart => ({
    ...{ part, code: 'source_denied', message: `${part}: access denied`, hint: 'allow it' },
  })
  const whole: SourceCredentials = { keys: [upload, tag], mfa: true }

  it('are believed one by one: what answered counts', async () => {
    const { lookup, state } = aLookup()
    state.credentials = { keys: [upload], unread: [unread('tags')] }
    expect(await lookup.of(alice)).toMatchObject({ status: 'success', keys: [{ id: 'APKA1' }] })
    expect(lookup.problems()).toMatchObject([
      { part: 'tags', code: 'source_denied', message: 'tags: access denied', hint: 'allow it' },
    ])
  })

  it.each([
    ['tags', { keys: [upload], mfa: true }],
    ['uploads', { keys: [tag], mfa: true }],
    ['mfa', { keys: [upload, tag] }],
  ] as const)('keep their last known while %s cannot be read', async (part, rest) => {
    const { lookup, state, clock } = aLookup()
    state.credentials = whole
    await lookup.of(alice)
    state.credentials = { ...rest, unread: [unread(part)] }
    await clock.advance(60_000)
    const answer = await lookup.of(alice)
    expect(answer).toMatchObject({ status: 'success', mfa: true, stale: true })
    expect(answer.status === 'success' && answer.keys.map(({ id }) => id)).toEqual([
      upload.id,
      tag.id,
    ])
    state.credentials = whole
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({ stale: false })
    expect(lookup.problems()).toEqual([])
  })

  it('take away at once what answered, while another part is unread', async () => {
    const { lookup, state, clock } = aLookup()
    state.credentials = whole
    await lookup.of(alice)
    state.credentials = { keys: [], mfa: true, unread: [unread('tags')] }
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({ keys: [{ id: tag.id }] })
  })

  it('keep it no longer than source.offline, however often others are read', async () => {
    const { lookup, state, clock } = aLookup()
    state.credentials = whole
    await lookup.of(alice)
    state.credentials = { keys: [upload], mfa: true, unread: [unread('tags')] }
    for (let minute = 0; minute < 60; minute++) {
      await clock.advance(60_000)
      expect(await lookup.of(alice)).toMatchObject({ keys: [{ id: upload.id }, { id: tag.id }] })
    }
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({ keys: [{ id: upload.id }] })
    expect(lookup.all()[0]?.credentials.keys).toEqual([upload])
  })

  it('keep it for the rest of source.offline after a restart', async () => {
    const before = aLookup()
    before.state.credentials = whole
    await before.lookup.of(alice)
    before.state.credentials = { keys: [upload], mfa: true, unread: [unread('tags')] }
    await before.clock.advance(60_000)
    await before.lookup.of(alice)
    const saved = before.lookup.all()
    const after = aLookup(saved)
    after.state.credentials = before.state.credentials
    await after.clock.advance(3_590_000)
    expect(await after.lookup.of(alice)).toMatchObject({
      keys: [{ id: upload.id }, { id: tag.id }],
    })
    await after.clock.advance(60_000)
    expect(await after.lookup.of(alice)).toMatchObject({ keys: [{ id: upload.id }] })
  })

  it.each([
    ['no key is known', { keys: [], unread: [unread('tags')] }],
    ['MFA was never read', { keys: [upload], unread: [unread('mfa')] }],
  ])('cannot say when %s and a part of it is unread', async (_what, credentials) => {
    const { lookup, state } = aLookup()
    state.credentials = credentials
    expect(await lookup.of(alice)).toMatchObject({ status: 'unavail' })
  })

  it('let nobody in by a name that may be another person’s now', async () => {
    const { lookup, state, clock, confirmed } = aLookup()
    state.credentials = { keys: [upload] }
    await lookup.of(alice)
    state.credentials = { keys: [tag], unread: [unread('uploads')] }
    state.identity = () => Promise.resolve('another')
    await clock.advance(60_000)
    expect(await lookup.of(alice)).toMatchObject({ keys: [] })
    expect(confirmed).toEqual(['alice', 'alice'])
  })

  it('are told by one line at a change, without a stack', async () => {
    const { lookup, state, clock, lines } = aLookup()
    state.failing = true
    for (let minute = 0; minute < 10; minute++) {
      await lookup.of(alice)
      await clock.advance(60_000)
    }
    const shown = lines.filter(({ level }) => level !== 'debug')
    expect(shown).toHaveLength(1)
    expect(shown[0]?.fields).not.toHaveProperty('err')
  })
})

describe('a loss of all keys', () => {
  const people = ['alice', 'bob', 'carol', 'dora', 'eve', 'fay'].map((name) => aUser({ name }))
  const start = async () => {
    const resolver = aLookup()
    for (const person of people)
      resolver.state.of.set(person.id, { keys: [aKey(`APKA${person.name}`)] })
    for (const person of people) await resolver.lookup.of(person)
    await resolver.clock.advance(31_000)
    return resolver
  }
  const countKeys = async ({ lookup }: ReturnType<typeof aLookup>) => {
    let count = 0
    for (const person of people) {
      const answer = await lookup.of(person)
      if (answer.status === 'success') count += answer.keys.length
    }
    return count
  }

  it('of one person acts at once', async () => {
    const { lookup, state } = await start()
    state.of.set(people[0]?.id ?? '', { keys: [] })
    expect(await lookup.of(alice)).toMatchObject({ keys: [], stale: false })
  })

  it('of most people at once is not believed before a second reading', async () => {
    const resolver = await start()
    const { state, lookup, clock, lines } = resolver
    for (const person of people) state.of.set(person.id, { keys: [] })
    expect(await countKeys(resolver)).toBe(4)
    expect(lookup.stats().doubted).toBe(4)
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
    await clock.advance(10_000)
    expect(await countKeys(resolver)).toBe(4)
    await clock.advance(31_000)
    expect(await countKeys(resolver)).toBe(0)
    expect(lookup.stats().doubted).toBe(0)
  })

  it('is forgotten when the keys are there again', async () => {
    const resolver = await start()
    const { state, lookup, clock } = resolver
    const sound = new Map(state.of)
    for (const person of people) state.of.set(person.id, { keys: [] })
    await countKeys(resolver)
    for (const [id, had] of sound) state.of.set(id, had)
    await clock.advance(31_000)
    await clock.advance(31_000)
    expect(await countKeys(resolver)).toBe(6)
    expect(lookup.stats().doubted).toBe(0)
  })

  it('is taken on an administrator’s word', async () => {
    const resolver = await start()
    const { state, lookup } = resolver
    for (const person of people) state.of.set(person.id, { keys: [] })
    await countKeys(resolver)
    lookup.expire()
    lookup.confirm()
    expect(await countKeys(resolver)).toBe(0)
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDoor, type KeysQuestion } from '../../src/access/door.ts'
import type { SourceKey } from '../../src/directory/types.ts'
import { createKeyLookup } from '../../src/keys/lookup.ts'
import { createCallBudget } from '../../src/platform/call-budget.ts'
import { silentLog } from '../../src/platform/log.ts'
import {
  aKeyOf,
  alice,
  aWorld,
  bob,
  cannotSay,
  localAccounts,
  people,
  someKeys,
} from '../support/access.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import { fromAfar } from '../support/audit.ts'
import { aUser, blobOf, keysConfig } from '../support/builders.ts'

const [aCertificate = []] = readFileSync(
  join(import.meta.dirname, '../vectors/certificates.tsv'),
  'utf8',
)
  .split('\n')
  .map((line) => line.split('\t'))
const offlineMs = 7 * 86_400_000
const budgetMs = 5_000

const day = 86_400_000

function aDoor(options: { readonly requireMfa?: boolean; readonly maxAgeMs?: number } = {}) {
  const world = aWorld()
  const state = {
    miss: 'absent' as 'present' | 'absent' | 'unknown',
    onMiss: () => undefined,
    /** Names that the source was read for. */
    misses: [] as string[],
    last: undefined as SavedCredentials | undefined,
  }
  const sparingly: string[] = []
  const door = createDoor({
    view: world.view,
    local: () => world.local,
    askMiss: (name) => {
      state.misses.push(name)
      state.onMiss()
      return Promise.resolve(state.miss)
    },
    keys: {
      of: world.keysOf,
      sparingly: (person) => {
        sparingly.push(person.name)
        return world.keysOf(person)
      },
      known: (person) => world.known(person),
      last: (person) => state.last ?? world.known(person),
    },
    requireMfa: options.requireMfa ?? false,
    keysConfig: { ...keysConfig, maxAgeMs: options.maxAgeMs ?? 0 },
    offlineMs,
    clock: world.clock,
    audit: world.audit,
  })
  const ask = (fields: Partial<KeysQuestion> = {}) => {
    const { type, blob } = aKeyOf(alice)
    return door.authorizedKeys({
      user: 'alice',
      uid: world.view()?.directory.accountByName('alice')?.passwd.uid ?? 0,
      keyType: type,
      keyBlob: blob,
      ...fields,
    })
  }
  const enter = (user = 'alice') => door.account(user, fromAfar)
  return { ...world, world, state, sparingly, door, ask, enter }
}

const onShared = { user: 'ec2-user', uid: 1000 }

type Sharer = {
  readonly keys: readonly number[]
  readonly known: boolean
  readonly active: boolean
}

/** A sound key of the source for each number. */
function aSourceBlob(number: number): string {
  return blobOf('ssh-ed25519', `key ${number}`.padEnd(32, '.'))
}

function aSourceKey(number: number): SourceKey {
  return { id: `APKA${number}`, origin: 'iam', body: `ssh-ed25519 ${aSourceBlob(number)}` }
}

const lineOf = (person: typeof alice) => aKeyOf(person).line

describe('authorizedKeys', () => {
  it('gives the key that was offered, and tells whose it is', async () => {
    const { ask, events, uidOf, clock } = aDoor()
    expect(await ask()).toEqual({ status: 'success', lines: [lineOf(alice)], stale: false })
    const { fingerprint, type, id } = aKeyOf(alice)
    expect(events).toEqual([
      {
        action: 'key-offered',
        at: clock.now(),
        subject: { linuxUser: 'alice', uid: uidOf('alice'), person: alice },
        key: { fingerprint, type, id },
        reason: 'active key of this person',
        stale: false,
      },
    ])
  })

  it('gives no other key than the one that was offered', async () => {
    const { ask, keys } = aDoor()
    keys.set(alice.id, someKeys([aKeyOf(alice), aKeyOf(alice, 'another')]))
    expect(await ask()).toMatchObject({ lines: [lineOf(alice)] })
  })

  it('gives every key, at most a hundred, and tells nothing when none is offered', async () => {
    const { ask, keys, events } = aDoor()
    const many = Array.from({ length: 120 }, (_, n) => aKeyOf(alice, `key ${n}`))
    keys.set(alice.id, someKeys(many))
    const answer = await ask({ keyBlob: '' })
    expect(answer.status === 'success' && answer.lines).toEqual(
      many.slice(0, 100).map(({ line }) => line),
    )
    expect(events).toEqual([])
  })

  it('names the key inside of a certificate that it has no key for', async () => {
    const { ask, events } = aDoor()
    const [keyType = '', keyBlob = '', fingerprint = '', serial = '', id = ''] = aCertificate
    expect(await ask({ keyType, keyBlob })).toMatchObject({ lines: [] })
    expect(events).toMatchObject([
      {
        action: 'key-refused',
        key: { fingerprint, type: keyType, certificate: { id, serial } },
        reason: "a certificate: sshd's TrustedUserCAKeys opens to those, no key of IAM does",
      },
    ])
  })

  it('refuses a key that is not of the person, and tells it', async () => {
    const { ask, events } = aDoor()
    const { blob, fingerprint } = aKeyOf(bob)
    expect(await ask({ keyBlob: blob })).toEqual({ status: 'success', lines: [], stale: false })
    expect(events).toMatchObject([
      {
        action: 'key-refused',
        subject: { linuxUser: 'alice', person: alice },
        reason: 'not an active, valid key of this person',
      },
    ])
    expect(events.map((event) => 'key' in event && event.key)).toStrictEqual([
      { fingerprint, type: 'ssh-ed25519' },
    ])
  })

  it('tells the key of the next login, however soon it follows', async () => {
    const { ask, enter, door, events } = aDoor()
    await ask()
    await ask()
    await enter()
    await ask()
    door.entered('bob')
    await ask()
    door.entered('alice')
    await ask()
    expect(events.map(({ action }) => action)).toEqual([
      'key-offered',
      'login-allowed',
      'key-offered',
      'key-offered',
    ])
  })

  it('tells once what sshd asks twice for one login, and again a login later', async () => {
    const { ask, events, clock } = aDoor()
    await ask()
    await clock.advance(5_000)
    await ask()
    expect(events).toHaveLength(1)
    await clock.advance(1)
    await ask()
    expect(events).toHaveLength(2)
  })

  it('tells each key, each account and each outcome by itself, though all come at once', async () => {
    const { ask, events, keys } = aDoor()
    const [one, two] = [aKeyOf(alice, 'one'), aKeyOf(alice, 'two')]
    keys.set(alice.id, someKeys([one, two]))
    for (const fields of [{}, onShared])
      for (const { blob } of [one, two]) await ask({ keyBlob: blob, ...fields })
    keys.set(alice.id, someKeys([]))
    await ask({ keyBlob: one.blob })
    expect(
      events.map((event) => [
        event.action,
        'subject' in event && event.subject.linuxUser,
        'key' in event && event.key.fingerprint,
      ]),
    ).toEqual([
      ['key-offered', 'alice', one.fingerprint],
      ['key-offered', 'alice', two.fingerprint],
      ['key-offered', 'ec2-user', one.fingerprint],
      ['key-offered', 'ec2-user', two.fingerprint],
      ['key-refused', 'alice', one.fingerprint],
    ])
  })

  it('says that the keys are old ones, while the source is away', async () => {
    const { ask, events, keys } = aDoor()
    keys.set(alice.id, someKeys([aKeyOf(alice)], { stale: true }))
    expect(await ask()).toMatchObject({ lines: [lineOf(alice)], stale: true })
    expect(await ask({ keyBlob: '' })).toMatchObject({ lines: [lineOf(alice)], stale: true })
    expect(await ask({ keyBlob: aKeyOf(bob).blob })).toEqual({
      status: 'success',
      lines: [],
      stale: true,
    })
    expect(events).toMatchObject([
      { action: 'key-offered', stale: true },
      { action: 'key-refused', stale: true },
    ])
  })

  it('cannot say when the keys cannot be known', async () => {
    const { ask, events, keys } = aDoor()
    keys.set(alice.id, cannotSay)
    expect(await ask()).toEqual(cannotSay)
    expect(await ask({ keyBlob: '' })).toEqual(cannotSay)
    expect(events).toEqual([])
  })

  it('gives no key of a person who has none, which is an answer', async () => {
    const { ask, keys } = aDoor()
    keys.set(alice.id, someKeys([]))
    expect(await ask({ keyBlob: '' })).toEqual({ status: 'success', lines: [], stale: false })
  })

  it('cannot say before there is a directory, or when it is older than source.offline', async () => {
    const { ask, clock, forget, uidOf } = aDoor()
    const uid = uidOf('alice')
    await clock.advance(offlineMs)
    expect(await ask()).toMatchObject({ status: 'success' })
    await clock.advance(1)
    expect(await ask()).toEqual({
      status: 'unavail',
      reason: 'the last read of the source is older than source.offline',
    })
    forget()
    expect(await ask({ uid })).toEqual({
      status: 'unavail',
      reason: 'the directory cannot be read now',
    })
  })

  it('cannot say when the directory goes while the source is read for a name', async () => {
    const { ask, state, forget } = aDoor()
    state.onMiss = () => {
      forget()
      return undefined
    }
    state.miss = 'unknown'
    expect(await ask({ user: 'carol', uid: 7 })).toMatchObject({ status: 'unavail' })
  })

  it.each([
    ['root', 4711],
    ['alice', 0],
  ])('has no key for %s with uid %i, whatever else is not known', async (user, uid) => {
    const { ask, state, world, forget } = aDoor()
    state.miss = 'unknown'
    world.local = { ...localAccounts, users: new Map() }
    expect(await ask({ user, uid })).toEqual({ status: 'notfound' })
    forget()
    expect(await ask({ user, uid })).toEqual({ status: 'notfound' })
    expect(state.misses).toEqual([])
  })

  it.each([
    ['root', 0],
    ['root', 4711],
    ['alice', 0],
    ['mail', 8],
    ['ec2-user', 1001],
    ['alice', 4711],
  ])('has no key for %s with uid %i', async (user, uid) => {
    const { ask, asked } = aDoor()
    expect(await ask({ user, uid })).toEqual({ status: 'notfound' })
    expect(asked).toEqual([])
  })

  it('never has a key for a local account that is not shared, whatever the directory holds', async () => {
    const name = fc.oneof(
      fc.constantFrom(...localAccounts.users.keys()),
      fc.constantFrom('alice', 'bob'),
    )
    await fc.assert(
      fc.asyncProperty(name, fc.nat({ max: 1_001 }), async (user, uid) => {
        const { ask, world, keys } = aDoor()
        // Made after the read: the directory still has alice.
        world.local = { ...localAccounts, users: new Map([...localAccounts.users, ['alice', uid]]) }
        keys.set(alice.id, someKeys([aKeyOf(alice)]))
        const answer = await ask({ user, uid })
        if (user === 'ec2-user' && uid === 1000) expect(answer.status).toBe('success')
        else expect(answer).toEqual({ status: 'notfound' })
      }),
    )
  })

  it('has no key for a local account whose name a JavaScript object has too', async () => {
    const { ask, world } = aDoor()
    world.local = { ...localAccounts, users: new Map([['constructor', 1001]]) }
    expect(await ask({ user: 'constructor', uid: 1001 })).toEqual({ status: 'notfound' })
  })

  it('has the source read for a name that it does not know', async () => {
    const { ask, state, read, keys, uidOf, world } = aDoor()
    const carol = aUser({ name: 'carol' })
    expect(await ask({ user: 'carol', uid: 7 })).toEqual({ status: 'notfound' })
    state.miss = 'unknown'
    expect(await ask({ user: 'carol', uid: 7 })).toMatchObject({ status: 'unavail' })
    state.miss = 'present'
    keys.set(carol.id, someKeys([aKeyOf(carol)]))
    state.onMiss = () => {
      read({ developers: ['carol'] }, [carol])
      return undefined
    }
    const keyBlob = aKeyOf(carol).blob
    expect(await ask({ user: 'carol', uid: 7, keyBlob })).toEqual({ status: 'notfound' })
    const uid = uidOf('carol')
    world.read({ developers: ['bob'] }, people)
    expect(await ask({ user: 'carol', uid, keyBlob })).toMatchObject({ lines: [lineOf(carol)] })
  })

  it('opens a shared account to the people of its groups alone, and names them', async () => {
    const { ask, events } = aDoor()
    expect(await ask(onShared)).toMatchObject({ lines: [lineOf(alice)] })
    expect(await ask({ ...onShared, keyBlob: aKeyOf(bob).blob })).toMatchObject({ lines: [] })
    expect(events).toMatchObject([
      { action: 'key-offered', subject: { linuxUser: 'ec2-user', person: alice } },
      { action: 'key-refused', subject: { linuxUser: 'ec2-user' } },
    ])
  })

  it('names nobody when a key is refused that any of several might have had', async () => {
    const { ask, events, read } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    await ask({ ...onShared, keyBlob: aKeyOf(alice, 'nobody').blob })
    expect(events.map((event) => 'subject' in event && event.subject)).toStrictEqual([
      { linuxUser: 'ec2-user', uid: 1000 },
    ])
  })

  it('lets in whose keys are known, though those of another sharer cannot be', async () => {
    const { ask, read, keys } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    keys.set(bob.id, cannotSay)
    for (const keyBlob of [aKeyOf(alice).blob, ''])
      expect(await ask({ ...onShared, keyBlob })).toMatchObject({
        status: 'success',
        lines: [lineOf(alice)],
      })
  })

  it('cannot say that a key is nobody’s while those of a sharer cannot be known', async () => {
    const { ask, read, keys, events } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    keys.set(bob.id, cannotSay)
    expect(await ask({ ...onShared, keyBlob: aKeyOf(bob).blob })).toMatchObject({
      status: 'unavail',
    })
    expect(events).toEqual([])
  })

  it('asks for the one sharer alone who is known to have the key', async () => {
    const { ask, read, asked, sparingly } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    await ask({ ...onShared, keyBlob: aKeyOf(bob).blob })
    expect(asked).toEqual(['bob'])
    expect(sparingly).toEqual([])
  })

  it('goes by the fresh answer of who was known to have the key, and by those of the others', async () => {
    const { ask, read, keys, asked, sparingly, world } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    const { known } = world
    world.known = (person) => {
      const saved = known(person)
      keys.set(alice.id, someKeys([]))
      return saved
    }
    expect(await ask(onShared)).toMatchObject({ status: 'success', lines: [] })
    expect(asked).toEqual(['Alice', 'bob'])
    expect(sparingly).toEqual(['bob'])
  })

  it('asks sparingly for sharers of whom no such key is known, longest unasked first', async () => {
    const { ask, read, world, sparingly } = aDoor()
    const crowd = Array.from({ length: 20 }, (_, number) => aUser({ name: `user${number}` }))
    read({ developers: [], ops: crowd.map(({ name }) => name) }, crowd)
    for (const { id } of crowd) world.keys.set(id, someKeys([]))
    for (const { id } of crowd.slice(0, 15)) world.unknown.delete(id)
    for (const { id } of crowd.slice(15)) world.unknown.add(id)
    await ask({ ...onShared, keyBlob: aKeyOf(alice, 'nobody').blob })
    expect(sparingly).toEqual([...crowd.slice(15), ...crowd.slice(0, 15)].map(({ name }) => name))
  })

  it('asks for no more sharers once the key is found', async () => {
    const { ask, read, world, asked } = aDoor()
    const crowd = Array.from({ length: 50 }, (_, number) => aUser({ name: `user${number}` }))
    read({ developers: [], ops: crowd.map(({ name }) => name) }, crowd)
    for (const person of crowd) {
      world.keys.set(person.id, someKeys([aKeyOf(person)]))
      world.unknown.add(person.id)
    }
    const [person = alice] = crowd
    const keyBlob = aKeyOf(person).blob
    expect(await ask({ ...onShared, keyBlob })).toMatchObject({ lines: [lineOf(person)] })
    expect(asked.length).toBeLessThanOrEqual(10)
  })

  it('cannot say when not every sharer answers within the budget, and asks for no more', async () => {
    const { ask, read, world, asked, clock, events } = aDoor()
    const crowd = Array.from({ length: 50 }, (_, number) => aUser({ name: `user${number}` }))
    read({ developers: [], ops: crowd.map(({ name }) => name) }, crowd)
    const held = Promise.withResolvers<undefined>()
    world.hold = held.promise
    const answer = ask({ ...onShared, keyBlob: aKeyOf(alice, 'nobody').blob })
    await clock.advance(0)
    await clock.advance(budgetMs)
    expect(await answer).toMatchObject({ status: 'unavail' })
    held.resolve(undefined)
    await clock.advance(0)
    expect(asked).toHaveLength(5)
    expect(events).toEqual([])
  })

  it('asks for sharers sparingly also when no key is offered', async () => {
    const { ask, read, sparingly } = aDoor()
    read({ developers: [], ops: ['Alice', 'bob'] })
    expect(await ask({ ...onShared, keyBlob: '' })).toMatchObject({
      lines: [lineOf(alice), lineOf(bob)],
    })
    expect(sparingly).toEqual(['Alice', 'bob'])
  })

  it('has a shared account of which nobody may use a key open to nobody', async () => {
    const { ask, read } = aDoor()
    read({ developers: ['Alice'], ops: [] })
    expect(await ask(onShared)).toMatchObject({ status: 'success', lines: [] })
  })

  it('gives no key of who has no MFA device, where one is required, and says so', async () => {
    const { ask, keys, events } = aDoor({ requireMfa: true })
    for (const mfa of [{ mfa: false }, {}]) {
      keys.set(alice.id, someKeys([aKeyOf(alice)], mfa))
      expect(await ask()).toMatchObject({ status: 'success', lines: [] })
    }
    expect(events).toMatchObject([
      {
        action: 'key-refused',
        subject: { person: alice },
        key: { id: aKeyOf(alice).id },
        reason: 'access.require_mfa: this person has no MFA device',
      },
    ])
    keys.set(alice.id, someKeys([aKeyOf(alice)], { mfa: true }))
    expect(await ask()).toMatchObject({ lines: [lineOf(alice)] })
  })
})

describe('opened', () => {
  it('knows whose key opened the door, for as long as a login takes', async () => {
    const { ask, door, clock } = aDoor()
    const { fingerprint, id } = aKeyOf(alice)
    expect(door.opened(fingerprint)).toBeUndefined()
    await ask()
    await clock.advance(300_000)
    expect(door.opened(fingerprint)).toEqual({ person: alice, keyId: id })
    await clock.advance(1)
    expect(door.opened(fingerprint)).toBeUndefined()
  })

  it('knows nothing of a key that was refused', async () => {
    const { ask, door } = aDoor()
    await ask({ keyBlob: aKeyOf(bob).blob })
    expect(door.opened(aKeyOf(bob).fingerprint)).toBeUndefined()
  })
})

describe('account', () => {
  it('allows a member, and tells it', async () => {
    const { enter, events, uidOf, clock } = aDoor()
    expect(await enter()).toEqual({
      verdict: 'allow',
      rule: 'access.groups',
      message: '',
      stale: false,
    })
    expect(events).toEqual([
      {
        action: 'login-allowed',
        at: clock.now(),
        subject: { linuxUser: 'alice', uid: uidOf('alice'), person: alice },
        door: fromAfar,
        rule: 'access.groups',
        reason: 'a member',
        stale: false,
      },
    ])
  })

  it('tells a valid key of the login that came by one, and of no other', async () => {
    const { ask, enter, door, events } = aDoor()
    const reasons = () => events.flatMap((each) => ('rule' in each ? [each.reason] : []))
    await ask()
    await door.account('alice', { ...fromAfar, service: 'sudo', tty: '/dev/pts/0', rhost: '' })
    await enter()
    // By a certificate that sshd trusts: nobody was asked for keys.
    await enter()
    await ask({ keyBlob: aKeyOf(bob).blob })
    await enter()
    expect(reasons()).toEqual([
      'a member',
      'a member; an active key of theirs was offered',
      'a member',
      'a member',
    ])
  })

  it('names an offered key for as long as a login takes', async () => {
    const reasonAfter = async (ms: number) => {
      const { ask, enter, clock, told } = aDoor()
      await ask()
      await clock.advance(ms)
      await enter()
      return told('login-allowed').map((event) => 'reason' in event && event.reason)
    }
    expect(await reasonAfter(300_000)).toEqual(['a member; an active key of theirs was offered'])
    expect(await reasonAfter(300_001)).toEqual(['a member'])
  })

  it('allows with the last known keys, and says that they are old', async () => {
    const { enter, events, keys } = aDoor()
    keys.set(alice.id, someKeys([aKeyOf(alice)], { stale: true }))
    expect(await enter()).toMatchObject({ verdict: 'allow', stale: true })
    expect(events).toMatchObject([{ stale: true }])
  })

  it.each([
    ['no key is left', {}, someKeys([]), 'no valid key'],
    [
      'an MFA device is required and there is none',
      { requireMfa: true },
      someKeys([aKeyOf(alice)], { mfa: false }),
      'access.require_mfa',
    ],
    [
      'it is not known whether there is a required MFA device',
      { requireMfa: true },
      someKeys([aKeyOf(alice)]),
      'access.require_mfa',
    ],
    [
      'the keys and so the MFA device cannot be known',
      { requireMfa: true },
      cannotSay,
      'the source cannot be asked',
    ],
  ])('refuses when %s, tells the auditor why and the person nothing', async (...row) => {
    const [, options, answer, rule] = row
    const { enter, events, keys } = aDoor(options)
    keys.set(alice.id, answer)
    expect(await enter()).toEqual({
      verdict: 'deny',
      rule,
      message: 'alice may not log in to this host now. Ask whoever manages your IAM user.',
      stale: false,
    })
    expect(events).toMatchObject([
      { action: 'login-refused', subject: { person: alice }, door: fromAfar, rule, reason: rule },
    ])
  })

  it('allows a person with the MFA device that is required', async () => {
    const { enter, keys } = aDoor({ requireMfa: true })
    keys.set(alice.id, someKeys([aKeyOf(alice)], { mfa: true }))
    expect(await enter()).toMatchObject({ verdict: 'allow', rule: 'access.groups' })
  })

  it('says that a refusal goes by keys of before an outage', async () => {
    const { enter, events, keys } = aDoor()
    keys.set(alice.id, someKeys([], { stale: true }))
    expect(await enter()).toMatchObject({ verdict: 'deny', stale: true })
    expect(events).toMatchObject([{ action: 'login-refused', stale: true }])
  })

  it('refuses when the directory is older than source.offline', async () => {
    const { enter, clock } = aDoor()
    await clock.advance(offlineMs)
    expect(await enter()).toMatchObject({ verdict: 'allow' })
    await clock.advance(1)
    expect(await enter()).toMatchObject({ verdict: 'deny', rule: 'source.offline', stale: true })
  })

  it.each([
    ['root', 'local account'],
    ['mail', 'local account'],
    ['ec2-user', 'local account'],
    ['a-stranger', 'no user of the source'],
  ])('has nothing to say of %s and tells nothing', async (user, rule) => {
    const { enter, events } = aDoor()
    expect(await enter(user)).toEqual({ verdict: 'ignore', rule, message: '', stale: false })
    expect(events).toEqual([])
  })

  it('has nothing to say of a name that became local after the read, with a directory or without', async () => {
    const { enter, world, forget, asked, events } = aDoor()
    world.local = { ...localAccounts, users: new Map([...localAccounts.users, ['alice', 1001]]) }
    expect(await enter()).toMatchObject({ verdict: 'ignore', rule: 'local account' })
    forget()
    expect(await enter()).toMatchObject({ verdict: 'ignore', rule: 'local account' })
    expect(asked).toEqual([])
    expect(events).toEqual([])
  })

  it('has the source read for a name that is not in the directory, and for no other', async () => {
    const { enter, state, read, keys, uidOf, events, clock } = aDoor()
    const carol = aUser({ name: 'carol' })
    await enter()
    expect(state.misses).toEqual([])
    // A read, so that an old directory is none any more.
    await clock.advance(offlineMs + 1)
    state.miss = 'present'
    keys.set(carol.id, someKeys([aKeyOf(carol)]))
    state.onMiss = () => {
      read({ developers: ['carol'] }, [carol])
      return undefined
    }
    expect(await enter('carol')).toMatchObject({ verdict: 'allow' })
    expect(state.misses).toEqual(['carol'])
    expect(events.at(-1)).toMatchObject({
      action: 'login-allowed',
      subject: { linuxUser: 'carol', uid: uidOf('carol'), person: carol },
    })
  })

  it('goes by the directory that it had when that goes while the source is read', async () => {
    const { enter, state, forget } = aDoor()
    state.onMiss = () => {
      forget()
      return undefined
    }
    expect(await enter('a-stranger')).toMatchObject({ rule: 'no user of the source' })
  })

  it('lets in who is known here while their keys cannot be asked for, as without a resolver', async () => {
    const { enter, events, keys } = aDoor()
    keys.set(alice.id, cannotSay)
    expect(await enter()).toEqual({
      verdict: 'allow',
      rule: 'access.groups, while keys cannot be asked for',
      message: '',
      stale: true,
    })
    expect(events).toMatchObject([
      {
        action: 'login-allowed',
        rule: 'access.groups, while keys cannot be asked for',
        stale: true,
      },
    ])
  })

  it('refuses who had no key left when the source was asked last, however long ago', async () => {
    const { enter, keys, state } = aDoor()
    keys.set(alice.id, cannotSay)
    state.last = { id: alice.id, fetchedAt: 0, credentials: { keys: [] } }
    expect(await enter()).toMatchObject({ verdict: 'deny', rule: 'the source cannot be asked' })
  })

  it.each(['it is inactive', 'it is malformed'])(
    'refuses who had no valid key when the source was asked last: %s',
    async (why) => {
      const { enter, keys, state } = aDoor()
      keys.set(alice.id, cannotSay)
      const key = { id: 'APKA0', origin: 'iam' as const, body: 'ssh-rsa no' }
      const last = why === 'it is inactive' ? { ...key, inactive: true as const } : key
      state.last = { id: alice.id, fetchedAt: 0, credentials: { keys: [last] } }
      expect(await enter()).toMatchObject({ verdict: 'deny', rule: 'the source cannot be asked' })
    },
  )

  it.each([
    ['an hour inside of keys.max_age', 30 * day - 3_600_000, 'allow'],
    ['an hour past keys.max_age', 30 * day + 3_600_000, 'deny'],
  ])('goes by the age that the last known key has now: %s', async (_what, age, verdict) => {
    const { enter, keys, state, clock } = aDoor({ maxAgeMs: 30 * day })
    keys.set(alice.id, cannotSay)
    const key = { ...aSourceKey(1), uploadedAt: clock.now() - age }
    state.last = { id: alice.id, fetchedAt: 0, credentials: { keys: [key] } }
    expect(await enter()).toMatchObject({ verdict })
  })

  it('does not know before there is a directory, or when the source cannot be asked', async () => {
    const { enter, state, forget, events } = aDoor()
    const unknown = { verdict: 'unknown', message: '', stale: false }
    state.miss = 'unknown'
    expect(await enter('a-stranger')).toEqual({ ...unknown, rule: 'the source cannot be asked' })
    forget()
    expect(await enter()).toEqual({ ...unknown, rule: 'no directory yet' })
    expect(events).toEqual([])
  })
})

describe('a shared account, whoever offers whatever key', () => {
  const mostOfOne = 1 + 5
  const aSharer = fc.record({
    keys: fc.uniqueArray(fc.nat({ max: 40 }), { maxLength: 5 }),
    known: fc.boolean(),
    active: fc.boolean(),
  })

  /** A door over a real key cache; people have been read once where they are known. */
  function aCrowd(sharers: readonly Sharer[], perMinute: number) {
    const crowd = sharers.map((each, number) => ({
      ...each,
      person: aUser({ name: `user${number}` }),
    }))
    const world = aWorld()
    const names = crowd.map(({ person }) => person.name)
    world.read(
      { developers: [], ops: names },
      crowd.map(({ person }) => person),
    )
    const state = { calls: 0 }
    // As the source: no body is read twice.
    const bodies = new Set(crowd.flatMap(({ keys, known }) => (known ? keys : [])))
    const lookup = createKeyLookup({
      fetchCredentials: (user) => {
        const keys = crowd.find(({ person }) => person.id === user.id)?.keys ?? []
        const unread = keys.filter((key) => !bodies.has(key))
        for (const key of unread) bodies.add(key)
        state.calls += 1 + unread.length
        return Promise.resolve({ keys: keys.map((key) => aSourceKey(key)) })
      },
      confirm: () => Promise.resolve('same'),
      keys: keysConfig,
      offlineMs,
      budgetMs,
      doubt: { windowMs: 60_000, againMs: 30_000 },
      bucket: createCallBudget({ clock: world.clock, perMinute }),
      callsPerPerson: 1,
      clock: world.clock,
      log: silentLog,
      saved: crowd.flatMap(({ person, keys, known, active }) => {
        // Who is known and not active had one key more, which is gone.
        const all = active ? keys : [...keys, 99]
        const credentials = { keys: all.map((key) => aSourceKey(key)) }
        return known ? [{ id: person.id, fetchedAt: world.clock.now() - 60_000, credentials }] : []
      }),
      savedIsStale: false,
      identify: () => Promise.resolve('same'),
      onRead: () => Promise.resolve(),
    })
    const door = createDoor({
      view: world.view,
      local: () => world.local,
      askMiss: () => Promise.resolve('absent'),
      keys: lookup,
      requireMfa: false,
      keysConfig,
      offlineMs,
      clock: world.clock,
      audit: world.audit,
    })
    const offer = (key: number) =>
      door.authorizedKeys({ ...onShared, keyType: 'ssh-ed25519', keyBlob: aSourceBlob(key) })
    return { crowd, state, offer }
  }

  it('costs no more calls for strangers than the bucket holds', async () => {
    const budget = fc.integer({ min: mostOfOne, max: 200 })
    const offers = fc.array(fc.integer({ min: 100, max: 120 }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(aSharer, { maxLength: 60 }),
        budget,
        offers,
        async (sharers, perMinute, keys) => {
          const { state, offer } = aCrowd(sharers, perMinute)
          for (const key of keys) await offer(key)
          expect(state.calls).toBeLessThanOrEqual(perMinute)
        },
      ),
    )
  })

  it('lets in everybody whose key is known and active, whatever strangers spent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aSharer, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 100 }),
        async (sharers, perMinute) => {
          const { crowd, state, offer } = aCrowd(sharers, perMinute)
          await offer(100)
          for (const { keys, known } of crowd) {
            const [key] = keys
            if (!known || key === undefined) continue
            const before = state.calls
            const holders = crowd.filter((each) => each.keys.includes(key)).length
            expect(await offer(key)).toMatchObject({
              status: 'success',
              lines: [expect.any(String) as string],
            })
            expect(state.calls - before).toBeLessThanOrEqual(holders * mostOfOne)
          }
        },
      ),
    )
  })

  it('is never refused a key that an unknown person may have, only not answered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(aSharer, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 100 }),
        async (sharers, perMinute) => {
          const { crowd, offer } = aCrowd(sharers, perMinute)
          for (const key of crowd.flatMap(({ keys }) => keys.slice(0, 1)))
            expect(await offer(key)).not.toMatchObject({ status: 'success', lines: [] })
        },
      ),
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createRevoker } from '../../src/access/revoke.ts'
import type { SharedSession } from '../../src/access/session.ts'
import type { SourceUser } from '../../src/directory/types.ts'
import type { AccountsChange } from '../../src/refresh/refresh.ts'
import {
  aKeyOf,
  alice,
  aWorld,
  bob,
  cannotSay,
  people,
  someKeys,
  type World,
} from '../support/access.ts'
import { aUser, collectingLog, type LogLine } from '../support/builders.ts'

const both = { developers: ['Alice', 'bob'], ops: ['Alice'] }
const withoutAlice = { developers: ['bob'], ops: ['Alice'] }

type Options = { readonly onRevoke?: 'terminate' | 'keep'; readonly requireMfa?: boolean }

/** A watch over the world's live sessions; made anew, it is the one after a restart. */
function aWatch(world: World, options: Options = {}) {
  const state = {
    live: new Set<number>(),
    shared: [] as SharedSession[],
    ended: [] as number[],
    abandoned: [] as { readonly person: SourceUser; readonly at: number }[],
    helper: 'well' as 'well' | 'failing',
    processTable: 'seen' as 'seen' | 'hidden' | 'unreadable',
    lines: [] as LogLine[],
  }
  const revoker = createRevoker({
    view: world.view,
    local: () => world.local,
    // Init, whom everybody sees but where /proc is hidden.
    liveUids: () =>
      state.processTable === 'unreadable'
        ? Promise.reject(new Error('no process table'))
        : Promise.resolve(new Set(state.processTable === 'hidden' ? [] : [0, ...state.live])),
    keysOf: world.keysOf,
    terminate: (uid) => {
      if (state.helper === 'failing') return Promise.reject(new Error('no helper'))
      state.ended.push(uid)
      return Promise.resolve(3)
    },
    sharedSessions: () => state.shared,
    abandon: (person, at) => state.abandoned.push({ person, at }),
    onRevoke: options.onRevoke ?? 'terminate',
    requireMfa: options.requireMfa ?? false,
    audit: world.audit,
    clock: world.clock,
    log: collectingLog(state.lines),
  })
  /** The source was read and gave these groups. */
  const read = (groups: Readonly<Record<string, readonly string[]>>, users = people) =>
    revoker.check(world.read(groups, users).removed)
  return { state, read, check: (change?: AccountsChange) => revoker.check(change?.removed ?? []) }
}

async function aHost(options: Options = {}) {
  const world = aWorld()
  const watch = aWatch(world, options)
  const uid = world.uidOf('alice')
  watch.state.live = new Set([0, 1000, uid])
  await watch.check()
  return { ...world, ...watch, world, uid }
}

describe('check', () => {
  it('warns once when /proc hides who lives here', async () => {
    const { read, state } = await aHost()
    expect(state.lines).toEqual([])
    state.processTable = 'hidden'
    await read(both)
    await read(withoutAlice)
    expect(state.lines).toMatchObject([
      { level: 'warn', message: expect.stringContaining('hidepid') as string },
    ])
  })

  it('ends nobody who may be here', async () => {
    const { state, events, read } = await aHost()
    await read(both)
    expect(state.ended).toEqual([])
    expect(events).toEqual([])
  })

  it('ends the sessions of who is gone while the keys of others cannot be asked for', async () => {
    const { state, read, uid, world } = await aHost()
    state.live = new Set([uid, world.uidOf('bob')])
    const answer = Promise.withResolvers<undefined>()
    world.hold = answer.promise
    const reading = read(withoutAlice)
    await vi.waitFor(() => {
      expect(state.ended).toEqual([uid])
    })
    answer.resolve(undefined)
    await reading
  })

  it('does nothing before there is a directory', async () => {
    const { state, check, forget, asked } = await aHost()
    forget()
    asked.length = 0
    await check()
    expect(state.ended).toEqual([])
    expect(asked).toEqual([])
  })

  it.each([
    ['left the groups', withoutAlice, people],
    ['was deleted', withoutAlice, [bob]],
  ])('ends the sessions of who %s', async (_what, groups, users) => {
    const { state, events, read, uid, clock } = await aHost()
    await read(groups, users)
    expect(state.ended).toEqual([uid])
    expect(events).toEqual([
      {
        action: 'access-lost',
        at: clock.now(),
        subject: { linuxUser: 'alice', uid, person: alice },
        reason: 'deleted, or in no group of access.groups any more',
        sessions: 'terminated',
      },
    ])
  })

  it('ends the sessions of whose last key is gone', async () => {
    const { state, events, read, keys, uid } = await aHost()
    keys.set(alice.id, someKeys([]))
    await read(both)
    expect(state.ended).toEqual([uid])
    expect(events).toMatchObject([
      {
        subject: { linuxUser: 'alice', uid, person: alice },
        reason: 'no active, valid key is left',
        sessions: 'terminated',
      },
    ])
  })

  it('ends the sessions of who has no MFA device any more, where one is required', async () => {
    const { state, events, read, keys, uid } = await aHost({ requireMfa: true })
    keys.set(alice.id, someKeys([aKeyOf(alice)], { mfa: false }))
    await read(both)
    expect(state.ended).toEqual([uid])
    expect(events).toMatchObject([{ reason: 'no MFA device is left' }])
  })

  it.each([
    ['an MFA device that nobody requires', {}, someKeys([aKeyOf(alice)], { mfa: false })],
    ['not knowing of an MFA device', { requireMfa: true }, someKeys([aKeyOf(alice)])],
    ['an outage', {}, cannotSay],
    ['keys of before an outage', {}, someKeys([], { stale: true })],
    [
      'an MFA device of before an outage',
      { requireMfa: true },
      someKeys([aKeyOf(alice)], { mfa: false, stale: true }),
    ],
  ])('never ends a session for %s', async (_what, options, answer) => {
    const { state, events, read, keys } = await aHost(options)
    keys.set(alice.id, answer)
    await read(both)
    expect(state.ended).toEqual([])
    expect(events).toEqual([])
  })

  it('tells of a loss once, however often it ends what comes up again', async () => {
    const { state, events, read, uid } = await aHost()
    for (let times = 0; times < 3; times++) await read(withoutAlice)
    expect(state.ended).toEqual([uid, uid, uid])
    expect(events).toHaveLength(1)
  })

  it('tells of a loss once, though the source was away in between', async () => {
    const { events, read, keys } = await aHost({ onRevoke: 'keep' })
    for (const answer of [someKeys([]), cannotSay, someKeys([], { stale: true }), someKeys([])]) {
      keys.set(alice.id, answer)
      await read(both)
    }
    expect(events).toHaveLength(1)
  })

  it('tells of a loss once, though nothing of the person lived in between', async () => {
    const { events, read, keys, state, uid } = await aHost()
    keys.set(alice.id, someKeys([]))
    for (const live of [[uid], [], [uid]]) {
      state.live = new Set(live)
      await read(both)
    }
    expect(events).toHaveLength(1)
  })

  it('tells anew when the person was back', async () => {
    const { events, read } = await aHost()
    for (const groups of [withoutAlice, both, withoutAlice]) await read(groups)
    expect(events).toMatchObject([{ sessions: 'terminated' }, { sessions: 'terminated' }])
  })

  it('tells anew when a key was back, though nobody lived here then', async () => {
    const { events, read, keys, state, uid } = await aHost()
    for (const [live, mine] of [
      [[uid], []],
      [[], [aKeyOf(alice)]],
      [[uid], []],
    ] as const) {
      state.live = new Set(live)
      keys.set(alice.id, someKeys(mine))
      await read(both)
    }
    expect(events).toHaveLength(2)
  })

  it('tells of a loss once, though the person is deleted later, when nothing of them lives', async () => {
    const { events, read, keys, state } = await aHost()
    keys.set(alice.id, someKeys([]))
    await read(both)
    state.live = new Set()
    await read(withoutAlice, [bob])
    expect(events).toMatchObject([{ reason: 'no active, valid key is left' }])
  })

  it('tells of a loss without sessions', async () => {
    const { state, events, read } = await aHost()
    state.live = new Set()
    await read(withoutAlice)
    await read(withoutAlice)
    expect(state.ended).toEqual([])
    expect(events).toMatchObject([{ subject: { person: alice }, sessions: 'none' }])
  })

  it('keeps sessions where the configuration says so, and tells it', async () => {
    const { state, events, read } = await aHost({ onRevoke: 'keep' })
    await read(withoutAlice)
    await read(withoutAlice)
    expect(state.ended).toEqual([])
    expect(events).toMatchObject([{ sessions: 'kept' }])
  })

  it('tries again after the helper failed, and tells both', async () => {
    const { state, events, read, uid } = await aHost()
    state.helper = 'failing'
    await read(withoutAlice)
    await read(withoutAlice)
    expect(events).toMatchObject([{ sessions: 'failed' }])
    const failed = {
      level: 'error',
      fields: { err: new Error('no helper'), uid },
      message: 'ending the sessions of alice failed; the next read tries again',
    }
    expect(state.lines).toEqual([failed, failed])
    state.helper = 'well'
    await read(withoutAlice)
    expect(state.ended).toEqual([uid])
    expect(events).toMatchObject([{ sessions: 'failed' }, { sessions: 'terminated' }])
  })

  it('ends the others when the helper fails for one', async () => {
    const world = aWorld()
    const watch = aWatch(world)
    const [hers, his] = [world.uidOf('alice'), world.uidOf('bob')]
    watch.state.live = new Set([hers, his])
    const { state } = watch
    state.helper = 'failing'
    await watch.read({ developers: [] })
    expect(world.told('access-lost')).toMatchObject([
      { subject: { uid: hers }, sessions: 'failed' },
      { subject: { uid: his }, sessions: 'failed' },
    ])
  })

  it('gives PAM two seconds to report the ends, then closes them in the book as of the end', async () => {
    const { state, read, clock } = await aHost()
    await read(withoutAlice)
    const at = clock.now()
    expect(state.abandoned).toEqual([])
    await clock.advance(2_000)
    expect(state.abandoned).toEqual([{ person: alice, at }])
  })

  it('closes nothing in the book of what it could not end', async () => {
    const { state, read, clock } = await aHost()
    state.helper = 'failing'
    await read(withoutAlice)
    await clock.advance(10_000)
    expect(state.abandoned).toEqual([])
  })

  it('ends after a restart what was lost meanwhile, by the ids that were given', async () => {
    const world = aWorld()
    const uid = world.uidOf('alice')
    world.read(withoutAlice)
    const { state, check } = aWatch(world)
    state.live = new Set([0, 1000, uid])
    await check()
    expect(state.ended).toEqual([uid])
    expect(world.events).toMatchObject([
      { subject: { linuxUser: `uid ${uid}`, uid }, sessions: 'terminated' },
    ])
    // Sessions of a person who is not known are not in the book.
    await world.clock.advance(10_000)
    expect(state.abandoned).toEqual([])
  })

  it('names a person who was lost before its first look, by the directory before', async () => {
    const world = aWorld()
    const uid = world.uidOf('alice')
    const before = world.read(withoutAlice)
    const { state, check } = aWatch(world)
    state.live = new Set([uid])
    await check(before)
    expect(world.events).toMatchObject([{ subject: { linuxUser: 'alice', uid, person: alice } }])
  })

  it('ends after a failed look what was lost then', async () => {
    const { state, read, uid, events } = await aHost()
    state.processTable = 'unreadable'
    await expect(read(withoutAlice)).rejects.toThrow('no process table')
    state.processTable = 'seen'
    await read(withoutAlice)
    expect(state.ended).toEqual([uid])
    expect(events).toMatchObject([{ subject: { linuxUser: 'alice', person: alice } }])
  })

  it('ends nothing of a uid that became a local account', async () => {
    const world = aWorld()
    const uid = world.uidOf('alice')
    const { state, check } = aWatch(world)
    state.live = new Set([uid])
    await check()
    world.local = { ...world.local, users: new Map([...world.local.users, ['alice', uid]]) }
    const before = world.read(withoutAlice)
    await check(before)
    expect(state.ended).toEqual([])
    expect(world.told('access-lost')).not.toMatchObject([{ sessions: 'terminated' }])
  })

  it('ends, of any uids that live, only those that were given to people and are nobody’s now', async () => {
    const many = Array.from({ length: 8 }, (_, n) => aUser({ name: `user${n}` }))
    const names = many.map(({ name }) => name)
    const uids = aWorld()
    uids.read({ developers: names }, many)
    const given = names.map((name) => uids.uidOf(name))
    const anyUid = fc.oneof(fc.constantFrom(...given), fc.nat({ max: 70_000 }), fc.nat())
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyUid, { maxLength: 30 }),
        fc.subarray(names),
        fc.subarray(given),
        async (live, here, local) => {
          const world = aWorld()
          world.read({ developers: names }, many)
          for (const each of many) world.keys.set(each.id, someKeys([aKeyOf(each)]))
          const { state, check } = aWatch(world)
          state.live = new Set(live)
          world.local = {
            ...world.local,
            users: new Map([
              ...world.local.users,
              ...local.map((uid, n) => [`local${n}`, uid] as const),
            ]),
          }
          await check(world.read({ developers: here }, many))
          const isLocal = (uid: number): boolean => local.includes(uid)
          for (const uid of state.ended) {
            expect(given).toContain(uid)
            expect(live).toContain(uid)
            expect(isLocal(uid)).toBe(false)
            expect(here.map((name) => given[names.indexOf(name)])).not.toContain(uid)
          }
          const lost = given.filter((uid, n) => live.includes(uid) && !here.includes(`user${n}`))
          expect(new Set(state.ended)).toEqual(new Set(lost.filter((uid) => !isLocal(uid))))
        },
      ),
    )
  })
})

describe('check, of sessions on shared accounts', () => {
  const onShared: readonly SharedSession[] = [{ account: 'ec2-user', person: alice }]
  const goesOn = 'the session on the shared account ec2-user goes on and must be ended by hand'

  async function aSharer(options: Options = {}) {
    const host = await aHost(options)
    host.state.live = new Set([0, 1000])
    host.state.shared = [...onShared, ...onShared]
    return host
  }

  it('tells that they go on, once, and ends nothing of the account', async () => {
    const { state, events, read, clock } = await aSharer()
    for (let times = 0; times < 3; times++) await read({ developers: ['Alice', 'bob'], ops: [] })
    expect(state.ended).toEqual([])
    expect(events).toEqual([
      {
        action: 'access-lost',
        at: clock.now(),
        subject: { linuxUser: 'ec2-user', person: alice },
        reason: `in no group that shares the account any more: ${goesOn}`,
        sessions: 'kept',
      },
    ])
  })

  it.each([
    ['deleted', {}, both, [bob], undefined, 'in no group that shares the account any more'],
    ['without a key', {}, both, people, someKeys([]), 'no active, valid key is left'],
    [
      'without an MFA device',
      { requireMfa: true },
      both,
      people,
      someKeys([aKeyOf(alice)], { mfa: false }),
      'no MFA device is left',
    ],
  ])('tells it of a person %s', async (_what, options, groups, users, answer, reason) => {
    const { told, read, keys } = await aSharer(options)
    if (answer !== undefined) keys.set(alice.id, answer)
    await read(groups, users)
    const shared = told('access-lost').filter(
      (event) => 'subject' in event && event.subject.linuxUser === 'ec2-user',
    )
    expect(shared).toMatchObject([{ sessions: 'kept', reason: `${reason}: ${goesOn}` }])
  })

  it('tells it of each person on each account', async () => {
    const world = aWorld({ sharedAccounts: { 'ec2-user': ['ops'], mail: ['ops'] } })
    const { state, read } = aWatch(world)
    world.read({ developers: [], ops: ['Alice', 'bob'] })
    state.shared = [
      { account: 'ec2-user', person: alice },
      { account: 'mail', person: alice },
      { account: 'ec2-user', person: bob },
    ]
    await read({ developers: [], ops: ['bob'] })
    await read({ developers: [], ops: [] })
    expect(world.events).toMatchObject([
      { subject: { linuxUser: 'ec2-user', person: alice } },
      { subject: { linuxUser: 'mail', person: alice } },
      { subject: { linuxUser: 'ec2-user', person: bob } },
    ])
  })

  it('tells it of an account that is not shared any more', async () => {
    const { state, events, check, world } = await aSharer()
    state.shared = [{ account: 'mail', person: alice }]
    await check(world.read(both))
    expect(events).toMatchObject([{ subject: { linuxUser: 'mail', person: alice } }])
  })

  it('tells it beside the end of the sessions on the account of the person', async () => {
    const { state, events, read, uid } = await aSharer()
    state.live = new Set([uid])
    await read({ developers: ['bob'], ops: [] })
    expect(state.ended).toEqual([uid])
    expect(events).toMatchObject([
      { subject: { linuxUser: 'alice', uid }, sessions: 'terminated' },
      { subject: { linuxUser: 'ec2-user', person: alice }, sessions: 'kept' },
    ])
  })

  it('tells nothing of who keeps the shared account and loses only their own', async () => {
    const { told, read } = await aSharer()
    await read(withoutAlice)
    expect(told('access-lost')).toMatchObject([{ subject: { linuxUser: 'alice' } }])
  })

  it.each([
    ['an outage', cannotSay],
    ['keys of before an outage', someKeys([], { stale: true })],
  ])('tells nothing for %s', async (_what, answer) => {
    const { events, read, keys } = await aSharer()
    keys.set(alice.id, answer)
    await read(both)
    expect(events).toEqual([])
  })

  it('tells it anew when the person was back, or left and came again', async () => {
    const { events, read, state } = await aSharer()
    const withoutOps = { developers: ['Alice', 'bob'], ops: [] }
    for (const groups of [withoutOps, both, withoutOps]) await read(groups)
    expect(events).toHaveLength(2)
    state.shared = []
    await read(withoutOps)
    state.shared = [...onShared]
    await read(withoutOps)
    expect(events).toHaveLength(3)
  })
})

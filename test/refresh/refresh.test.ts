import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/event.ts'
import type { Config } from '../../src/config/config.ts'
import type { SourceDirectory, SourceUser, UnreadGroup } from '../../src/directory/types.ts'
import { SourceError } from '../../src/errors.ts'
import type { HeldBytes } from '../../src/platform/held-bytes.ts'
import { createCallBudget } from '../../src/platform/call-budget.ts'
import { createMissResolver } from '../../src/refresh/miss.ts'
import { createCycle } from '../../src/refresh/cycle.ts'
import { createReadLoop } from '../../src/refresh/loop.ts'
import {
  createRefresher,
  timingOf,
  type Handover,
  type ReadRequest,
  type RefreshResult,
} from '../../src/refresh/refresh.ts'
import { decodeState, encodeState, type SavedDirectory } from '../../src/refresh/state.ts'
import { createStore } from '../../src/refresh/store.ts'
import {
  aClock,
  aSource,
  aUser,
  collectingLog,
  noLocal,
  noPins,
  someRules,
  type LogLine,
} from '../support/builders.ts'
import { heldBytes, readerOf } from '../support/reader.ts'

const everyone = Array.from({ length: 20 }, (_, index) => aUser({ name: `user${index}` }))

function aResolver(first: SourceDirectory, callsPerMinute = 60, refreshMs = 60_000) {
  const clock = aClock()
  const events: AuditEvent[] = []
  const saved: SavedDirectory[] = []
  /** The names in the store at each save. */
  const served: (readonly string[])[] = []
  const lines: LogLine[] = []
  const state = {
    directory: first,
    failing: false,
    reads: 0,
    calls: 0,
    callsPerRead: 1,
    hold: undefined as Promise<void> | undefined,
    local: noLocal,
    rules: someRules(),
    disk: 'well' as 'well' | 'full',
    looks: 0,
    held: undefined as HeldBytes | undefined,
  }
  const store = createStore(1, clock)
  const names = (): readonly string[] => {
    const directory = store.current()?.directory
    const all = Array.from({ length: directory?.userCount ?? 0 }, (_, at) => directory?.account(at))
    return all.flatMap((account) => account?.passwd.name ?? [])
  }
  const log = collectingLog(lines)
  const audit = (event: AuditEvent): void => {
    events.push(event)
  }
  const reader = readerOf({
    host: () => state.local,
    rules: () => state.rules,
    source: {
      // Of one read: each has a process of its own.
      calls: () => ({ GetGroup: state.callsPerRead }),
      fetchDirectory: async () => {
        state.reads++
        state.calls += state.callsPerRead
        const { directory, failing } = state
        await state.hold
        if (failing)
          throw new SourceError('source_unreachable', 'reading: no network', { hint: 'h' })
        return directory
      },
    },
  })
  // All that the refresher and the child process look at.
  const config = { source: { refreshMs, offlineMs: 3_600_000 } } as Config
  const parts = createRefresher({
    ...{ config, reader, store, clock, log, audit, confirmMs: 3_600_000 },
    state: {
      held: () => state.held,
      save: async (bytes) => {
        served.push(names())
        state.held = bytes
        if (state.disk === 'full') return false
        const { saved: each } = decodeState(await bytes.whole(), 'iam')
        if (each !== undefined) saved.push(each)
        return true
      },
    },
    publish: () => Promise.resolve(),
    touched: () => undefined,
    settled: () => Promise.resolve(),
  })
  const loop = createReadLoop<ReadRequest, RefreshResult>({
    ...{ clock, random: () => 0.5, timing: timingOf(config) },
  })
  const cycle = createCycle({
    ...{ loop, refresher: parts, log, before: Promise.resolve() },
    settleFiles: () => Promise.resolve(),
    publishKeys: () => undefined,
    endAccess: () => {
      state.looks++
      return Promise.resolve()
    },
    findLeftovers: () => Promise.resolve(),
  })
  let isStarted = false
  let isReload = false
  const start = (): Promise<RefreshResult> => {
    isStarted = true
    return isReload ? cycle.startByNewRules() : cycle.start()
  }
  const refresher = {
    ...parts,
    start,
    readNow: (request?: ReadRequest) => (isStarted ? loop.readNow(request) : start()),
    localChanged: cycle.localAccountsChanged,
    close: cycle.stop,
    restore: (each: SavedDirectory) => {
      state.held = heldBytes(encodeState(each, 'iam'))
      return parts.restore()
    },
    handOver: () => ({ ...parts.handOver(), held: state.held }),
    inherit: ({ held, ...handover }: Handover & { readonly held: HeldBytes | undefined }) => {
      isReload = true
      state.held = held
      parts.inherit(handover)
    },
  }
  const bucket = createCallBudget({ clock, perMinute: callsPerMinute })
  const { readNow } = refresher
  const misses = createMissResolver({ store, refresher, readNow, clock, bucket })
  return { clock, events, lines, saved, served, state, store, refresher, misses, names }
}

describe('createRefresher', () => {
  it('looks for those who lost access although the disk is full', async () => {
    const { refresher, store, state } = aResolver(aSource(everyone))
    await refresher.readNow()
    state.disk = 'full'
    state.directory = aSource(everyone.slice(1))
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(store.current()?.directory.accountByName('user0')).toBeUndefined()
    expect(state.looks).toBe(2)
    expect(refresher.failure()).toBeUndefined()
  })

  it('drops a user at once when a local account takes the name, with the source away', async () => {
    const { refresher, store, state } = aResolver(aSource(everyone))
    await refresher.readNow()
    state.failing = true
    await refresher.readNow()
    state.local = { ...noLocal, users: new Map([['user0', 1000]]) }
    await refresher.localChanged()
    const now = store.current()
    expect(now?.directory.accountByName('user0')).toBeUndefined()
    expect(now?.directory.groupByName('developers')?.members).not.toContain('user0')
    expect(state.reads).toBe(2)
    const { generation } = now ?? {}
    await refresher.localChanged()
    expect(store.current()?.generation).toBe(generation)
  })

  it('puts nothing in place and tells no failure once it is closed', async () => {
    const { refresher, store, state, events } = aResolver(aSource(everyone))
    const held = Promise.withResolvers<undefined>()
    state.hold = held.promise.then(() => undefined)
    const read = refresher.readNow()
    await refresher.close()
    held.resolve(undefined)
    expect(await read).toMatchObject({ ok: false })
    expect(store.current()).toBeUndefined()
    expect(events).toEqual([])
  })

  it('tells a rename as one event, and keeps uid and home, over restarts too', async () => {
    const alice = aUser({ name: 'alice' })
    const first = aResolver(aSource([alice]))
    await first.refresher.readNow()
    const uid = first.store.current()?.directory.accountByName('alice')?.passwd.uid
    const alicia = { ...alice, name: 'alicia' }
    const second = aResolver(aSource([alicia]))
    await second.refresher.restore(
      first.saved.at(-1) ?? { readAt: 0, pins: noPins, source: aSource([]) },
    )
    await second.refresher.readNow()
    expect(second.events).toMatchObject([
      { action: 'user-renamed', previousName: 'alice', subject: { linuxUser: 'alicia', uid } },
    ])
    expect(second.names()).toEqual(['alicia'])
    expect(second.store.current()?.directory.accountByName('alicia')?.passwd).toMatchObject({
      ...{ name: 'alicia', uid, dir: '/home/alice' },
    })
    const third = aResolver(aSource([alicia]))
    await third.refresher.restore(
      second.saved.at(-1) ?? { readAt: 0, pins: noPins, source: aSource([]) },
    )
    await third.refresher.readNow()
    expect(third.store.current()?.directory.accountByName('alicia')?.passwd.dir).toBe('/home/alice')
    expect(third.events).toEqual([])
  })

  it('reads at the start and then each refresh', async () => {
    const { refresher, state, clock } = aResolver(aSource(everyone))
    await refresher.start()
    expect(state.reads).toBe(1)
    await clock.advance(60_000)
    expect(state.reads).toBe(2)
  })

  it('keeps the last directory when the source fails, backs off, and tells both ends once', async () => {
    const { refresher, state, clock, events, names } = aResolver(aSource(everyone))
    await refresher.start()
    state.failing = true
    await clock.advance(60_000)
    expect(state.reads).toBe(2)
    // The first failure costs no delay: a moment's outage must not hold up who is removed.
    await clock.advance(60_000)
    expect(state.reads).toBe(3)
    await clock.advance(60_000)
    expect(state.reads).toBe(3)
    await clock.advance(60_000)
    expect(state.reads).toBe(4)
    expect(names()).toHaveLength(20)
    expect(refresher.failure()).toMatchObject({ code: 'source_unreachable', hint: 'h' })
    state.failing = false
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(events.map((event) => event.action)).toEqual(['source-failing', 'source-recovered'])
    expect(refresher.failure()).toBeUndefined()
  })

  it.each([
    ['empty', []],
    ['halved', everyone.slice(0, 9)],
  ])(
    'keeps the last directory when the next is suddenly %s, until a second read says the same',
    async (_word, fewer) => {
      const { refresher, state, names, clock } = aResolver(aSource(everyone))
      await refresher.start()
      state.directory = aSource(fewer)
      expect(await refresher.readNow()).toMatchObject({
        ok: false,
        failure: { code: 'source_suspicious' },
      })
      expect(names()).toHaveLength(20)
      await clock.advance(30_000)
      expect(names()).toHaveLength(fewer.length)
    },
  )

  it('removes who was deleted while unknown names met an outage, within refresh + 2 s', async () => {
    const { refresher, misses, state, clock, names } = aResolver(aSource(everyone), 60, 10_000)
    await refresher.start()
    await clock.advance(7_000)
    state.failing = true
    for (let name = 0; name < 8; name++) {
      expect(await misses.ask(`unknown${name}`)).toBe('unknown')
      await clock.advance(500)
    }
    await clock.advance(1_000)
    state.failing = false
    state.directory = aSource(everyone.slice(1))
    for (let second = 0; second < 12; second++) await clock.advance(1_000)
    expect(names()).not.toContain('user0')
  })

  it('reads once for a schedule that comes due while a caller reads', async () => {
    const { refresher, state, clock } = aResolver(aSource(everyone))
    await refresher.start()
    const held = Promise.withResolvers<undefined>()
    state.hold = held.promise.then(() => undefined)
    const read = refresher.readNow()
    await clock.advance(60_000)
    held.resolve(undefined)
    await read
    for (let look = 0; look < 5; look++) await clock.advance(0)
    expect(state.reads).toBe(3)
  })

  it('ends the back-off of a long outage at the first answer that anybody gets', async () => {
    const { refresher, state, clock } = aResolver(aSource(everyone))
    await refresher.start()
    state.failing = true
    for (let minute = 0; minute < 60; minute++) await clock.advance(60_000)
    state.failing = false
    await refresher.readNow()
    const before = state.reads
    await clock.advance(60_000)
    expect(state.reads).toBe(before + 1)
  })

  it('takes no change of rules for a loss: fewer people by other groups are there at one read', async () => {
    const ops = everyone.slice(0, 3).map(({ name }) => name)
    const { refresher, state, names } = aResolver(aSource(everyone))
    await refresher.start()
    state.rules = someRules({ groups: ['ops'] })
    state.directory = aSource(everyone.slice(0, 12), { ops })
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(names()).toEqual(ops)
    state.rules = someRules({ groups: ['developers', 'ops'] })
    state.directory = aSource(everyone, { ops, developers: everyone.map(({ name }) => name) })
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(names()).toHaveLength(20)
  })

  it('doubts a small team that is suddenly one person, and lets ordinary days pass', async () => {
    const { refresher, state, names, clock } = aResolver(aSource(everyone.slice(0, 9)))
    await refresher.start()
    state.directory = aSource(everyone.slice(0, 1))
    expect(await refresher.readNow()).toMatchObject({ failure: { code: 'source_suspicious' } })
    expect(names()).toHaveLength(9)
    await clock.advance(30_000)
    expect(names()).toHaveLength(1)
    state.directory = aSource(everyone.slice(0, 3))
    await refresher.readNow()
    state.directory = aSource(everyone.slice(0, 1))
    expect(await refresher.readNow()).toMatchObject({ ok: true })
  })

  it('believes two reads that miss the same people, although others come and go', async () => {
    const { refresher, state, names, clock } = aResolver(aSource(everyone))
    await refresher.start()
    state.directory = aSource(everyone.slice(0, 5))
    await refresher.readNow()
    state.directory = aSource([...everyone.slice(0, 5), aUser({ name: 'new' })])
    await clock.advance(30_000)
    expect(names()).toHaveLength(6)
  })

  it('does not take another small directory for the confirmation', async () => {
    const { refresher, state, names } = aResolver(aSource(everyone))
    await refresher.start()
    for (const count of [8, 7, 6]) {
      state.directory = aSource(everyone.slice(0, count))
      await refresher.readNow()
      expect(names()).toHaveLength(20)
    }
  })

  it("takes a small directory on an operator's word", async () => {
    const { refresher, state, names } = aResolver(aSource(everyone))
    await refresher.start()
    state.directory = aSource([])
    expect(await refresher.readNow({ confirm: true })).toMatchObject({ ok: true })
    expect(names()).toEqual([])
  })

  it('saves a directory before it is in place: a crash in between brings back no one', async () => {
    const { refresher, state, saved, served } = aResolver(aSource(everyone))
    await refresher.start()
    state.directory = aSource(everyone.slice(1))
    await refresher.readNow()
    expect(saved.at(-1)?.source.users).toHaveLength(19)
    expect(served.at(-1)).toHaveLength(20)
  })

  it('serves the saved directory before the first read, with the same ids', async () => {
    const before = aResolver(aSource(everyone))
    await before.refresher.start()
    const saved = before.saved[0]
    if (saved === undefined) throw new Error('nothing saved')
    const after = aResolver(aSource([]))
    await after.refresher.restore(saved)
    const uidsOf = ({ store, names }: typeof after) =>
      names().map((name) => store.current()?.directory.accountByName(name)?.passwd)
    expect(uidsOf(after)).toHaveLength(20)
    expect(uidsOf(after)).toEqual(uidsOf(before))
    expect(after.state.reads).toBe(0)
  })

  describe('after a reload', () => {
    const names12 = everyone
      .slice(0, 12)
      .map(({ name }) => name)
      .toSorted()
    const ops = names12.slice(0, 3)
    const handOver = async (first: SourceDirectory) => {
      const before = aResolver(first)
      await before.refresher.start()
      return before
    }

    it('serves at once what the one before served, and applies narrower rules without a read', async () => {
      const both = aSource(everyone.slice(0, 12), { developers: names12, ops })
      const before = await handOver(both)
      before.state.rules = someRules({ groups: ['developers', 'ops'] })
      await before.refresher.readNow()
      await before.refresher.close()
      const after = aResolver(both)
      after.state.failing = true
      after.state.rules = someRules({ groups: ['ops'] })
      after.refresher.inherit(before.refresher.handOver())
      expect(after.names().toSorted()).toEqual(names12)
      expect(await after.refresher.start()).toMatchObject({ ok: false })
      expect(after.names()).toEqual(ops)
      expect(after.state.looks).toBe(1)
      expect(after.events).toMatchObject([
        { action: 'directory-changed', removed: names12.slice(3) },
        { action: 'source-failing' },
      ])
    })

    it('goes on with the directory of before while groups that nobody read cannot be read', async () => {
      const before = await handOver(aSource(everyone.slice(0, 12)))
      await before.refresher.close()
      const after = aResolver(aSource(everyone.slice(0, 12), { ops }))
      after.state.failing = true
      after.state.rules = someRules({ groups: ['ops'] })
      after.refresher.inherit(before.refresher.handOver())
      await after.refresher.start()
      expect(after.names().toSorted()).toEqual(names12)
      after.state.failing = false
      expect(await after.refresher.readNow()).toMatchObject({ ok: true })
      expect(after.names()).toEqual(ops)
    })

    it('keeps ids and the age of a doubt', async () => {
      const before = await handOver(aSource(everyone))
      const uids = before.saved.at(-1)?.pins.uids
      before.state.directory = aSource([])
      await before.refresher.readNow()
      await before.refresher.close()
      const after = aResolver(aSource([]))
      after.refresher.inherit(before.refresher.handOver())
      await after.clock.advance(30_000)
      expect(await after.refresher.start()).toMatchObject({ ok: true })
      expect(after.saved.at(-1)?.pins.uids).toEqual(uids)
      expect(after.names()).toEqual([])
    })
  })

  it('restores nothing that tells nothing of the groups asked for: that would say nobody is here', async () => {
    const before = aResolver(aSource(everyone))
    await before.refresher.start()
    const saved = before.saved[0]
    if (saved === undefined) throw new Error('nothing saved')
    const after = aResolver(aSource([]))
    after.state.rules = someRules({ groups: ['ops'] })
    await after.refresher.restore(saved)
    expect(after.store.current()).toBeUndefined()
  })

  it('tells who came and who went', async () => {
    const { refresher, state, events } = aResolver(aSource(everyone))
    await refresher.start()
    state.directory = aSource([...everyone.slice(1), aUser({ name: 'new' })])
    await refresher.readNow()
    expect(events).toMatchObject([
      { action: 'directory-changed', added: ['new'], removed: ['user0'] },
    ])
  })
})

describe('groups that cannot be read', () => {
  const [alice, bob, carol, dora] = ['alice', 'bob', 'carol', 'dora'].map((name) =>
    aUser({ name }),
  ) as [SourceUser, SourceUser, SourceUser, SourceUser]
  const whole = aSource([alice, bob, carol, dora], {
    developers: ['alice', 'bob', 'carol'],
    dba: ['bob', 'dora'],
  })
  const denied: UnreadGroup = {
    name: 'dba',
    code: 'source_denied',
    message: 'reading group dba: access denied',
    hint: 'allow it',
    isAbsent: false,
  }
  const absent: UnreadGroup = { ...denied, code: 'source_unknown_group', isAbsent: true }
  const rules = someRules({ groups: ['developers', 'dba'] })
  const partly = (group: UnreadGroup, ...developers: readonly SourceUser[]): SourceDirectory => ({
    ...aSource(developers),
    unread: [group],
  })
  const start = async (first = whole) => {
    const resolver = aResolver(first)
    resolver.state.rules = rules
    await resolver.refresher.start()
    return resolver
  }

  it('keep their last known members, and stop no removal from the others', async () => {
    const { refresher, state, names, events } = await start()
    state.directory = partly(denied, alice, carol)
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    // bob left developers, and is in dba as far as anybody knows.
    expect(names().toSorted()).toEqual(['alice', 'bob', 'carol', 'dora'])
    expect(refresher.unread()).toMatchObject([
      { name: 'dba', isAbsent: false, lastReadAt: 1_000_000 },
    ])
    state.directory = partly(denied, alice)
    await refresher.readNow()
    expect(names().toSorted()).toEqual(['alice', 'bob', 'dora'])
    expect(events.filter(({ action }) => action === 'source-failing')).toHaveLength(1)
    state.directory = whole
    await refresher.readNow()
    expect(refresher.unread()).toEqual([])
    expect(events.filter(({ action }) => action === 'source-recovered')).toHaveLength(1)
  })

  it('keep them no longer than source.offline, however often others are read', async () => {
    const { refresher, state, names, clock } = await start()
    state.directory = partly(denied, alice, bob, carol)
    for (let minute = 0; minute < 60; minute++) await clock.advance(60_000)
    await refresher.readNow()
    expect(names()).toContain('dora')
    await clock.advance(60_000)
    await refresher.readNow()
    expect(names()).not.toContain('dora')
    expect(names()).toContain('bob')
    expect(refresher.unread()[0]).not.toHaveProperty('lastReadAt')
  })

  it('have no members when the source says that they do not exist', async () => {
    const { refresher, state, names } = await start()
    state.directory = partly(absent, alice, carol)
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(names().toSorted()).toEqual(['alice', 'carol'])
  })

  it('do not hide the others at a first start', async () => {
    const { names, misses } = await start(partly(absent, alice))
    expect(names()).toEqual(['alice'])
    expect(await misses.ask('stranger')).toBe('absent')
  })

  it('of which nothing is known leave unknown names unknown', async () => {
    const { names, misses } = await start(partly(denied, alice))
    expect(names()).toEqual(['alice'])
    expect(await misses.ask('dora')).toBe('unknown')
    expect(misses.isKnownMiss('dora', false)).toBe(false)
  })

  it('keep their members over a restart, and only for the rest of source.offline', async () => {
    const before = await start()
    before.state.directory = partly(denied, alice, bob, carol)
    await before.clock.advance(60_000)
    const saved = before.saved.at(-1)
    if (saved === undefined) throw new Error('nothing saved')
    expect(decodeState(encodeState(saved, 'iam'), 'iam').saved).toEqual(saved)

    const after = aResolver(before.state.directory)
    after.state.rules = rules
    await after.clock.advance(3_000_000)
    await after.refresher.restore(saved)
    expect(after.names()).toContain('dora')
    await after.refresher.readNow()
    expect(after.names()).toContain('dora')
    expect(after.events).toEqual([])
    await after.clock.advance(660_000)
    await after.refresher.readNow()
    expect(after.names()).not.toContain('dora')
  })
})

describe('what is logged of a failing source', () => {
  it('is one line without a stack at each change, the rest at debug', async () => {
    const { refresher, state, lines } = aResolver(aSource(everyone))
    await refresher.start()
    state.failing = true
    for (let read = 0; read < 20; read++) await refresher.readNow()
    const shown = lines.filter(({ level }) => level !== 'debug')
    expect(shown).toEqual([
      {
        level: 'error',
        fields: { code: 'source_unreachable', hint: 'h' },
        message: 'reading: no network',
      },
    ])
    state.failing = false
    await refresher.readNow()
    expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'the source answers again' })
  })
})

describe('what is logged of notices', () => {
  it('is one line per new notice, at most twenty at once, then a line with the count of the others', async () => {
    const { refresher, state, lines } = aResolver(aSource(everyone))
    await refresher.readNow()
    const homesOf = (users: readonly SourceUser[]) =>
      new Map(users.map(({ name }) => [`/home/${name}`, `local-${name}`]))
    state.local = { ...noLocal, homes: homesOf(everyone.slice(0, 2)) }
    await refresher.localChanged()
    expect(lines.map(({ fields }) => fields['user'])).toEqual(['user0', 'user1'])
    lines.splice(0)
    const many = Array.from({ length: 60 }, (_, index) => aUser({ name: `user${index}` }))
    state.directory = aSource(many)
    state.local = { ...noLocal, homes: homesOf(many) }
    await refresher.readNow()
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)?.message).toBe('38 more notices: iamlogin status lists them all')
    lines.splice(0)
    await refresher.readNow()
    expect(lines).toEqual([])
  })
})

describe('overrides that cannot be read', () => {
  const uid = 1_900_000_000
  const alice = aUser({ name: 'alice', overrides: { uid } })
  const bare = aUser({ name: 'alice' })
  const [bob, dave] = [aUser({ name: 'bob', overrides: {} }), aUser({ name: 'dave' })]
  const reason = { code: 'source_denied', message: 'reading the tags of alice: denied', hint: 'h' }
  const partly = (
    users: readonly SourceUser[],
    unread: readonly SourceUser[],
    why: { readonly reason?: typeof reason } = { reason },
  ): SourceDirectory => ({
    ...aSource(users),
    unreadOverrides: { ...why, keptIds: [], unknownIds: unread.map(({ id }) => id) },
  })
  const start = async (first: SourceDirectory) => {
    const resolver = aResolver(first)
    await resolver.refresher.start()
    const uidOf = (name: string) =>
      resolver.store.current()?.directory.accountByName(name)?.passwd.uid
    const warnings = () => resolver.lines.filter(({ level }) => level === 'warn')
    const told = () => resolver.events.map(({ action }) => action)
    return { ...resolver, uidOf, warnings, told }
  }

  it('stay as they were, while others come and go, and are told once', async () => {
    const { refresher, state, names, uidOf, warnings, told } = await start(aSource([alice, bob]))
    state.directory = partly([bare], [bare])
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    await refresher.readNow()
    expect(names()).toEqual(['alice'])
    expect(uidOf('alice')).toBe(uid)
    expect(warnings()).toMatchObject([
      {
        fields: { code: 'source_denied', hint: 'h' },
        message: 'reading the tags of alice: denied: what was read last stays for 1',
      },
    ])
    state.directory = aSource([alice])
    await refresher.readNow()
    expect(told().filter((action) => action.startsWith('source'))).toEqual([
      'source-failing',
      'source-recovered',
    ])
  })

  it('give a person who is new no account, also after a restart, until they are read', async () => {
    const first = await start(aSource([alice]))
    first.state.directory = partly([alice, dave], [dave])
    await first.refresher.readNow()
    expect(first.names()).toEqual(['alice'])
    expect(first.warnings().at(-1)?.message).toContain('no account before they are read for dave')
    expect(await first.misses.ask('dave')).toBe('unknown')
    expect(await first.misses.ask('stranger')).toBe('absent')
    const second = aResolver(partly([bare, dave], [bare, dave]))
    const saved = first.saved.at(-1)
    if (saved === undefined) throw new Error('nothing was saved')
    await second.refresher.restore(saved)
    expect(second.names()).toEqual(['alice'])
    await second.refresher.readNow()
    expect(second.names()).toEqual(['alice'])
    expect(second.store.current()?.directory.accountByName('alice')?.passwd.uid).toBe(uid)
    second.state.directory = aSource([alice, { ...dave, overrides: { uid: uid + 1 } }])
    await second.refresher.readNow()
    expect(second.store.current()?.directory.accountByName('dave')?.passwd.uid).toBe(uid + 1)
  })

  it('are not told of where a user was only renamed or deleted amid the read', async () => {
    const { refresher, state, names, warnings, told } = await start(aSource([alice]))
    state.directory = partly([bare, dave], [bare, dave], {})
    expect(await refresher.readNow()).toMatchObject({ ok: true })
    expect(names()).toEqual(['alice'])
    expect([...warnings(), ...told()]).toEqual([])
  })
})

describe('createMissResolver', () => {
  it('finds a user who was created a moment ago', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone))
    await refresher.start()
    state.directory = aSource([...everyone, aUser({ name: 'new' })])
    expect(await misses.ask('new')).toBe('present')
  })

  it('remembers a stranger as a miss', async () => {
    const { refresher, misses, clock } = aResolver(aSource(everyone))
    await refresher.start()
    expect(await misses.ask('stranger')).toBe('absent')
    expect(misses.isKnownMiss('stranger', false)).toBe(true)
    await clock.advance(30_001)
    expect(misses.isKnownMiss('stranger', false)).toBe(false)
  })

  it('has root ask again: a person may have been created meanwhile', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone))
    await refresher.start()
    expect(await misses.ask('fay')).toBe('absent')
    expect(misses.isKnownMiss('fay', false)).toBe(true)
    expect(misses.isKnownMiss('fay', true)).toBe(false)
    state.directory = aSource([...everyone, aUser({ name: 'fay' })])
    expect(await misses.ask('fay')).toBe('present')
  })

  it('keeps a miss, asked for again by root while the source is away, for its time', async () => {
    const { refresher, misses, clock, state } = aResolver(aSource(everyone))
    await refresher.start()
    expect(await misses.ask('guess')).toBe('absent')
    state.failing = true
    expect(misses.isKnownMiss('guess', true)).toBe(false)
    expect(await misses.ask('guess')).toBe('absent')
    await clock.advance(30_001)
    expect(await misses.ask('guess')).toBe('unknown')
  })

  it('asks again for nothing that the budget cannot pay', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone), 10)
    state.callsPerRead = 6
    await refresher.start()
    expect(await misses.ask('guess')).toBe('absent')
    expect(misses.isKnownMiss('guess', true)).toBe(true)
  })

  it('spends on names asked again no more than half of what misses may cost', async () => {
    const { refresher, misses, clock, state } = aResolver(aSource(everyone), 10)
    await refresher.start()
    const before = state.calls
    for (let second = 0; second < 10; second++) {
      if (!misses.isKnownMiss('guess', true)) await misses.ask('guess')
      await clock.advance(1_000)
    }
    // Of 10 a minute, full at first: six until fewer than half are left, and one that came back in 10 s.
    expect(state.calls - before).toBeLessThanOrEqual(7)
    expect(state.calls - before).toBeGreaterThanOrEqual(6)
    expect(await misses.ask('somebody.else')).toBe('absent')
  })

  it('reads once or twice for all who ask at the same time', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone))
    await refresher.start()
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) => misses.ask(`guess${index}`)),
    )
    expect(new Set(answers)).toEqual(new Set(['absent']))
    expect(state.reads).toBeLessThanOrEqual(3)
  })

  it('spends no more calls a minute than it may, and then cannot say', async () => {
    const { refresher, misses, state, clock } = aResolver(aSource(everyone), 10)
    await refresher.start()
    for (let guess = 0; guess < 10_000; guess++) await misses.ask(`guess${guess}`)
    expect(state.reads).toBe(11)
    expect(await misses.ask('one.more')).toBe('unknown')
    expect(misses.isKnownMiss('one.more', false)).toBe(false)
    await clock.advance(30_000)
    const before = state.reads
    for (let guess = 0; guess < 100; guess++) await misses.ask(`late${guess}`)
    expect(state.reads - before).toBe(5)
  })

  it('counts retries against the bound', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone), 10)
    await refresher.start()
    state.callsPerRead = 5
    for (let guess = 0; guess < 100; guess++) await misses.ask(`guess${guess}`)
    expect(state.calls - 1).toBeLessThanOrEqual(10)
  })

  it('answers within its budget when the source does not', async () => {
    const { refresher, misses, state, clock } = aResolver(aSource(everyone))
    await refresher.start()
    state.hold = new Promise(() => undefined)
    const answer = misses.ask('slow')
    await clock.advance(1_000)
    expect(await answer).toBe('unknown')
  })

  it('tells no outage as a miss', async () => {
    const { refresher, misses, state } = aResolver(aSource(everyone))
    await refresher.start()
    state.failing = true
    expect(await misses.ask('stranger')).toBe('unknown')
    expect(misses.isKnownMiss('stranger', false)).toBe(false)
  })

  it.each(['root', 'sudo', '..', 'a b', '12', ''])(
    'knows without a read that "%s" is nobody of ours',
    (name) => {
      expect(aResolver(aSource(everyone)).misses.isKnownMiss(name, false)).toBe(true)
    },
  )
})

// What the key cache may say, whatever happens around it: users are renamed, deleted and made again,
// trade names, get and lose keys and MFA devices, while IAM fails, hangs, or denies a part, and while the
// resolver restarts or reloads. A model of IAM, in which each UserId owns its name, keys and device, says
// what each answer may contain.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import type { SourceCredentials, SourceDirectory, SourceUser } from '../../src/directory/types.ts'
import { SourceError } from '../../src/errors.ts'
import { createKeyLookup, type KnownCredentials, type PersonKeys } from '../../src/keys/lookup.ts'
import { createCallBudget } from '../../src/platform/call-budget.ts'
import { momentOf } from '../../src/platform/clock.ts'
import { createIdentify, createIdentityCheck } from '../../src/refresh/identity.ts'
import type { RefreshResult } from '../../src/refresh/refresh.ts'
import { createStore } from '../../src/refresh/store.ts'
import {
  aClock,
  aKey,
  aSource,
  aUser,
  collectingLog,
  keysConfig,
  noLocal,
  noPins,
  someRules,
} from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const ttlMs = keysConfig.ttlMs
const budgetMs = 5_000
/** More than all time of one run. */
const offlineMs = 86_400_000

type Person = {
  readonly user: SourceUser
  /** In a group that is read. */
  readonly isMember: boolean
  name: string
  isDeleted: boolean
  mfa: boolean
  /** Body of each key that the person ever had -> whether it is active; undefined: deleted. */
  readonly keys: Map<string, boolean | undefined>
  /** By the clock: when something was last true of the person. */
  readonly lastTrue: Map<string, number>
  /** Bodies that IAM reported gone, by the person's own name, and since an answer was told. */
  readonly gone: Set<string>
  readonly goneAsTold: Set<string>
  /** What IAM said last by the person's own name: who has that name now may have the same to say. */
  lastOwn: readonly string[]
  /** When the answer about the person was made that was read last. */
  askedAt: number
  /** What was told last as fresh, while nothing has changed in IAM since. */
  settled: readonly string[] | undefined
}
type Action = 'keys' | 'user' | 'directory'
type Mode = 'ok' | 'fail' | 'hang'

/** What an answer says of keys and the device, as words of `lastTrue`. */
function factsOf({ keys, mfa }: Pick<SourceCredentials, 'keys' | 'mfa'>): readonly string[] {
  const active = keys.filter(({ inactive }) => inactive !== true).map(({ id }) => id)
  return [...(active.length > 0 ? active : ['no key']), mfa === true ? 'device' : 'no device']
}

/** Unused names: a name never goes back to a person who had it, which no question by name could tell. */
function freshNames(): () => string {
  let count = 0
  return () => `name${count++}`
}

function createWorld() {
  const clock = aClock()
  const name = freshNames()
  const people: Person[] = []
  const modes: Record<Action, Mode> = { keys: 'ok', user: 'ok', directory: 'ok' }
  const held: (() => void)[] = []
  let serial = 0
  let changedAt = -1
  let life = 0

  const owner = (of: string): Person | undefined =>
    people.find((person) => person.name === of && !person.isDeleted)
  const bodiesOf = ({ keys }: Person): readonly string[] =>
    [...keys].flatMap(([body, isActive]) => (isActive === true ? [body] : []))
  /** Notes what is true now. */
  const note = (): void => {
    const at = clock.monotonic()
    for (const person of people) {
      const active = person.isDeleted ? [] : bodiesOf(person)
      for (const body of active) person.lastTrue.set(body, at)
      if (active.length === 0) person.lastTrue.set('no key', at)
      if (!person.mfa || person.isDeleted) person.lastTrue.set('no device', at)
      if (person.mfa && !person.isDeleted) person.lastTrue.set('device', at)
    }
  }
  const change = (act: () => void): void => {
    note()
    act()
    changedAt = clock.monotonic()
    for (const person of people) person.settled = undefined
    note()
  }
  const add = (isMember: boolean, called: string): Person => {
    const person: Person = {
      user: aUser({ name: called, id: `AIDA${people.length}` }),
      isMember,
      name: called,
      isDeleted: false,
      mfa: false,
      keys: new Map(),
      lastTrue: new Map(),
      gone: new Set(),
      goneAsTold: new Set(),
      lastOwn: [],
      askedAt: 0,
      settled: undefined,
    }
    people.push(person)
    return person
  }
  const give = (person: Person, body: string): void => {
    person.keys.set(body, true)
    person.gone.delete(body)
    person.goneAsTold.delete(body)
  }

  /** The answer is made now and arrives when the action is not held up. */
  const answer = async <T>(action: Action, make: () => T): Promise<T> => {
    const mode = modes[action]
    let made: { readonly value: T } | { readonly error: unknown }
    try {
      if (mode === 'fail') throw new SourceError('source_unreachable', 'no network', { hint: '' })
      made = { value: make() }
    } catch (error) {
      made = { error }
    }
    if (mode === 'hang')
      await new Promise<void>((release) => {
        held.push(release)
      })
    else await Promise.resolve()
    if ('error' in made) throw made.error
    return made.value
  }

  const fetchCredentials = async ({ id, name: asked }: SourceUser): Promise<SourceCredentials> => {
    const at = clock.monotonic()
    const asker = life
    const person = people.find(({ user }) => user.id === id)
    const isOwn = owner(asked) === person
    const learn = (active: readonly string[]): void => {
      // The resolver that asked has ended: the answer reaches no one.
      if (asker !== life) return
      // Whose name it was when the answer was made need not be known any more when it arrives.
      if (person === undefined || !(person.isDeleted || (isOwn && owner(asked) === person))) return
      person.askedAt = at
      for (const [body, isActive] of person.keys)
        if (!active.includes(body) && isActive !== true) person.gone.add(body)
    }
    try {
      const told = await answer('keys', (): SourceCredentials => {
        const found = owner(asked)
        if (found === undefined) throw new SourceError('source_unknown_user', asked, { hint: '' })
        const keys = [...found.keys].flatMap(([body, isActive]) =>
          isActive === undefined
            ? []
            : [{ ...aKey(body), ...(isActive ? {} : { inactive: true as const }) }],
        )
        return { keys, mfa: found.mfa }
      })
      if (person !== undefined && isOwn) person.lastOwn = factsOf(told)
      learn(told.keys.filter(({ inactive }) => inactive !== true).map(({ id: body }) => body))
      return told
    } catch (error) {
      if (error instanceof SourceError && error.code === 'source_unknown_user') learn([])
      throw error
    }
  }
  const identify = async ({
    id,
    name: asked,
  }: SourceUser): Promise<'same' | 'another' | 'unknown'> => {
    try {
      const id_ = await answer('user', () => owner(asked)?.user.id)
      return id_ === id ? 'same' : id_ === undefined ? 'unknown' : 'another'
    } catch {
      return 'unknown'
    }
  }
  const fetchDirectory = (): Promise<SourceDirectory> =>
    answer('directory', () =>
      aSource(
        people
          .filter(({ isMember, isDeleted }) => isMember && !isDeleted)
          .map(({ user, name: now }) => ({ ...user, name: now })),
      ),
    )

  return {
    ...{ clock, people, modes, name, add, give, change, note, bodiesOf },
    ...{ fetchCredentials, identify, fetchDirectory },
    changedAt: () => changedAt,
    newBody: () => `APKA${serial++}`,
    /** A resolver ended, and another begins. */
    beginLife: () => {
      life++
    },
    release: () => {
      for (const release of held.splice(0)) release()
    },
  }
}
type World = Readonly<ReturnType<typeof createWorld>>

/** The parts of a resolver that answer for keys; `saved` is what its disk has. */
function createResolver(world: World) {
  const { clock } = world
  const store = createStore(1, clock)
  const rules = someRules()
  let source: SourceDirectory = { users: [], groups: [], complete: false }
  let running: Promise<boolean> | undefined
  let next: Promise<boolean> | undefined
  const readOnce = async (): Promise<boolean> => {
    const readAt = momentOf(clock)
    try {
      source = await world.fetchDirectory()
      const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
      store.replace({
        ...{ readAt, leftOutNames: [], unreadOverrides: null },
        directory: viewOf(directory, { keptIds: source.keptUserIds ?? [] }),
      })
      return true
    } catch {
      return false
    }
  }
  const begin = (): Promise<boolean> => {
    running = readOnce().finally(() => {
      running = undefined
    })
    return running
  }
  const read = (): Promise<boolean> => {
    if (running === undefined) return begin()
    next ??= running.then(() => {
      next = undefined
      return running ?? begin()
    })
    return next
  }
  const failure = { code: 'source_unreachable', message: '', hint: '', at: 0 }
  const readNow = async (): Promise<RefreshResult> => {
    if (!(await read())) return { ok: false, failure }
    const kept = new Set(source.keptUserIds)
    const named = source.users.map(({ id, name }) => [id, { name, isKept: kept.has(id) }] as const)
    return { ok: true, people: Object.fromEntries(named) }
  }

  let disk = '[]'
  const start = (saved: readonly KnownCredentials[], savedIsStale: boolean) => {
    const confirm = createIdentityCheck({ store, readNow, clock })
    const lookup = createKeyLookup({
      ...{ clock, offlineMs, budgetMs, saved, savedIsStale, confirm },
      keys: keysConfig,
      fetchCredentials: world.fetchCredentials,
      identify: createIdentify(world, confirm),
      // A loss is never doubted here.
      doubt: { windowMs: -1, againMs: 0 },
      bucket: createCallBudget({ clock, perMinute: 60 }),
      callsPerPerson: 2,
      log: collectingLog([]),
      onRead: async () => {
        const mine = lookup
        await Promise.resolve()
        if (mine === now) disk = JSON.stringify(mine.all())
      },
    })
    return lookup
  }
  let now = start([], false)
  return {
    read,
    directory: () => source.users,
    lookup: () => now,
    restart: () => {
      const saved = JSON.parse(disk) as readonly KnownCredentials[]
      now = start(
        saved.map(({ id, fetchedAt, credentials, isUnsure }) => ({
          ...{ id, fetchedAt, credentials },
          ...(isUnsure === true ? { isUnsure } : {}),
        })),
        false,
      )
    },
    reload: () => {
      now = start(now.handOver(), true)
    },
  }
}

type Resolver = ReturnType<typeof createResolver>

const bodiesIn = (answer: Extract<PersonKeys, { status: 'success' }>): readonly string[] =>
  answer.keys.map(({ id }) => id)

/** What holds of each answer about a person. */
function check(person: Person, answer: PersonKeys, isAway: boolean): void {
  if (answer.status !== 'success') {
    expect(isAway && person.settled !== undefined, 'known keys are lost').toBe(false)
    return
  }
  const bodies = bodiesIn(answer)
  for (const body of bodies) {
    expect([...person.lastTrue.keys()], 'a key of another person opens').toContain(body)
    expect([...person.gone], 'a key that was reported gone opens').not.toContain(body)
  }
  if (!answer.stale) {
    const since = person.askedAt
    const wasTrue = (fact: string) =>
      person.lastOwn.includes(fact) || (person.lastTrue.get(fact) ?? -1) >= since
    for (const body of bodies)
      expect((person.lastTrue.get(body) ?? -1) >= since, `${body} is fresh and gone`).toBe(true)
    if (bodies.length === 0) expect(wasTrue('no key'), 'fresh word of no key').toBe(true)
    if (answer.mfa === false) expect(wasTrue('no device'), 'fresh word of no device').toBe(true)
    if (answer.mfa === true) expect(wasTrue('device'), 'fresh word of a device').toBe(true)
  }
  if (isAway && person.settled !== undefined) expect(bodies).toEqual(person.settled)
  person.goneAsTold.clear()
  for (const body of person.gone) person.goneAsTold.add(body)
}

/** Most of it happens to one. */
const who = fc.constantFrom(0, 0, 0, 1, 2, 3)
const event = fc.oneof(
  // Within keys.ttl, after what is doubted for a moment, and after keys.ttl.
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask'),
      who,
      ms: fc.constantFrom(0, 2_000, 6_000, 31_000, 31_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('add key', 'remove key'), who }) },
  fc.record({ kind: fc.constantFrom('switch off', 'switch on'), who }),
  fc.record({ kind: fc.constant('device'), who, has: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('rename', 'delete', 'make again'), who }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('take name'), who, other: fc.constantFrom(2, 3) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('mode'),
      actions: fc.constantFrom<readonly Action[]>(
        ['keys'],
        ['user'],
        ['directory'],
        ['user', 'directory'],
        ['keys', 'user', 'directory'],
      ),
      mode: fc.constantFrom<Mode>('ok', 'fail', 'fail', 'hang'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('release', 'read', 'heal') }) },
  fc.record({ kind: fc.constantFrom('restart', 'reload') }),
  fc.record({ kind: fc.constantFrom('expire', 'expire all'), who }),
)
type Event = Partial<{
  readonly who: number
  readonly other: number
  readonly has: boolean
  readonly actions: readonly Action[]
  readonly mode: Mode
  readonly ms: number
}> & { readonly kind: string }

/** Two members with keys, and two people in no group, one of them without a key. */
async function begun() {
  const world = createWorld()
  const resolver = createResolver(world)
  for (let count = 0; count < 4; count++) {
    const person = world.add(count < 2, world.name())
    if (count !== 3) world.give(person, world.newBody())
  }
  world.note()
  await resolver.read()
  for (const user of resolver.directory()) await resolver.lookup().of(user)
  return { world, resolver }
}

/** What an administrator does in IAM. */
function changesOf({ give, newBody, name, add, people }: World) {
  const setFirst = (person: Person, from: boolean, to: boolean): void => {
    const [first] = person.keys.keys()
    if (first === undefined || person.keys.get(first) !== from) return
    if (to) give(person, first)
    else person.keys.set(first, to)
  }
  /** A question that is under way may give back what it took: it was told of an earlier name. */
  const moveOn = (person: Person): void => {
    person.name = name()
    person.gone.clear()
    person.goneAsTold.clear()
  }
  const changes: Readonly<Record<string, (person: Person, event: Event, other: Person) => void>> = {
    'add key': (person) => {
      give(person, newBody())
    },
    'remove key': (person) => {
      const [body] = [...person.keys].find(([, isActive]) => isActive !== undefined) ?? []
      if (body !== undefined) person.keys.set(body, undefined)
    },
    'switch off': (person) => {
      setFirst(person, true, false)
    },
    'switch on': (person) => {
      setFirst(person, false, true)
    },
    device: (person, { has }) => {
      person.mfa = has ?? false
    },
    rename: (person) => {
      moveOn(person)
    },
    delete: (person) => {
      person.isDeleted = true
    },
    'make again': (person) => {
      if (person.isDeleted || people.length > 8) return
      person.isDeleted = true
      give(add(person.isMember, person.name), newBody())
    },
    // The name is given on, and its person has another from then on.
    'take name': (person, _event, other) => {
      if (person === other || person.isDeleted || other.isDeleted) return
      other.name = person.name
      moveOn(person)
    },
  }
  return changes
}

/** What becomes of IAM's answers, and of the resolver. */
function eventsOf({ modes, release, beginLife, people }: World, resolver: Resolver) {
  const begin = (how: 'restart' | 'reload') => () => {
    // What was told of no one may be read anew.
    for (const { gone, goneAsTold } of people) {
      gone.clear()
      for (const body of goneAsTold) gone.add(body)
    }
    beginLife()
    resolver[how]()
  }
  const events: Readonly<Record<string, (event: Event, person: Person) => void>> = {
    mode: ({ actions = [], mode = 'ok' }) => {
      for (const action of actions) modes[action] = mode
    },
    heal: () => {
      for (const action of ['keys', 'user', 'directory'] as const) modes[action] = 'ok'
      release()
    },
    release,
    read: () => void resolver.read(),
    restart: begin('restart'),
    reload: begin('reload'),
    expire: (_event, { user }) => {
      resolver.lookup().expire(user.id)
    },
    'expire all': () => {
      resolver.lookup().expire()
    },
  }
  return events
}

/** Asks for people as the door does, by the directory's name, and checks each answer when it comes. */
function createQuestions(world: World, resolver: Resolver) {
  const { clock, people, modes } = world
  const pending = new Set<Promise<void>>()
  let failed: unknown
  const answered = async (person: Person, user: SourceUser): Promise<PersonKeys> => {
    const isAway = modes.keys === 'fail'
    const answer = await resolver.lookup().of(user)
    world.note()
    check(person, answer, isAway && modes.keys === 'fail')
    const isFresh = answer.status === 'success' && !answer.stale
    if (isFresh && person.askedAt > world.changedAt()) person.settled = bodiesIn(answer)
    return answer
  }
  const find = (id: string) => {
    const user = resolver.directory().find((each) => each.id === id)
    const person = people.find((each) => each.user.id === id)
    return user === undefined || person === undefined ? undefined : { user, person }
  }
  return {
    count: () => pending.size,
    ask: (id: string): void => {
      const found = find(id)
      if (found === undefined) return
      const asking = answered(found.person, found.user)
        .then(() => undefined)
        .catch((error: unknown) => {
          failed ??= error
        })
        .finally(() => {
          pending.delete(asking)
        })
      pending.add(asking)
    },
    settle: async (): Promise<void> => {
      await clock.advance(0)
      await clock.advance(0)
      if (failed !== undefined) throw failed as Error
    },
    expectTruth: async (): Promise<void> => {
      for (const { id } of resolver.directory()) {
        const found = find(id)
        if (found === undefined) continue
        const { person, user } = found
        const answer = await answered(person, user)
        expect(answer).toMatchObject({ status: 'success', stale: false, mfa: person.mfa })
        expect(answer.status === 'success' && bodiesIn(answer)).toEqual(world.bodiesOf(person))
      }
    },
  }
}

async function play(events: readonly Event[]): Promise<void> {
  const { world, resolver } = await begun()
  const { clock, people } = world
  const [changes, others] = [changesOf(world), eventsOf(world, resolver)]
  const questions = createQuestions(world, resolver)
  const step = (event: Event): void => {
    const person = people[event.who ?? 0]
    const other = people[event.other ?? 0]
    if (person === undefined || other === undefined) return
    if (event.kind === 'ask') questions.ask(person.user.id)
    others[event.kind]?.(event, person)
    const change = changes[event.kind]
    if (change === undefined) return
    world.change(() => {
      change(person, event, other)
    })
  }
  for (const event of events) {
    world.note()
    await clock.advance(event.ms ?? 0)
    await questions.settle()
    step(event)
    await questions.settle()
  }
  await clock.advance(budgetMs)
  await questions.settle()
  expect(questions.count(), 'a question waits beyond its budget').toBe(0)
  // Once IAM answers again, so does this: the whole truth, fresh.
  step({ kind: 'heal' })
  await questions.settle()
  await clock.advance(ttlMs + 1_000)
  await questions.settle()
  await resolver.read()
  await questions.expectTruth()
}

describe('the key cache, whatever happens around it', () => {
  it('opens by nothing that is another person’s or gone, and takes nothing that is there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 4, maxLength: 20, size: 'max' }), (events) =>
        play(events),
      ),
      { numRuns: 400 },
    )
  })
})

// Whose keys are collected for one account, in which order people are asked, and when it ends.
import { describe, expect, it } from 'vitest'
import { collect, collectShared } from '../../src/access/collect.ts'
import type { SourceUser } from '../../src/directory/types.ts'
import type { PersonKeys } from '../../src/keys/lookup.ts'
import type { SavedCredentials } from '../../src/keys/state.ts'
import { aKeyOf, cannotSay, someKeys } from '../support/access.ts'
import { aClock, aUser } from '../support/builders.ts'

const budgetMs = 5_000
const overdue = `not everybody could be asked within ${budgetMs} ms`
const outsider = aKeyOf(aUser({ name: 'outsider' })).blob

function someUsers(count: number): readonly SourceUser[] {
  return Array.from({ length: count }, (_, number) => aUser({ name: `user${number}` }))
}

const first = aUser({ name: 'user0' })
const second = aUser({ name: 'user1' })
const third = aUser({ name: 'user2' })
const three = [first, second, third]

/** A source that answers each person when the test lets it; `asked` and `sparingly` are in order. */
function aCollector(options: { readonly requireMfa?: boolean } = {}) {
  const clock = aClock()
  const state = {
    answers: new Map<string, PersonKeys>(),
    saved: new Map<string, SavedCredentials>(),
    asked: [] as string[],
    sparingly: [] as string[],
    timers: 0,
    /** Called before each answer. */
    onAsk: (() => Promise.resolve()) as (person: SourceUser) => Promise<void>,
  }
  const askInto = (names: string[]) => async (person: SourceUser) => {
    names.push(person.name)
    await state.onAsk(person)
    return state.answers.get(person.id) ?? someKeys([aKeyOf(person)])
  }
  const keys = {
    of: askInto(state.asked),
    sparingly: askInto(state.sparingly),
    known: ({ id }: SourceUser) => state.saved.get(id),
  }
  const deps = {
    keys,
    budgetMs,
    requireMfa: options.requireMfa ?? false,
    clock: {
      ...clock,
      after: (ms: number, callback: () => void) => {
        // Node takes any other number for 1 ms.
        expect(ms).toSatisfy((each: number) => each > 0 && each < 2 ** 31)
        state.timers++
        const cancel = clock.after(ms, callback)
        return () => {
          state.timers--
          cancel()
        }
      },
    },
  } satisfies Parameters<typeof collect>[0]
  /** The person's key was read before. */
  const know = (person: SourceUser, fetchedAt = 1): void => {
    const { id, type, blob } = aKeyOf(person)
    const credentials = { keys: [{ id, origin: 'iam' as const, body: `${type} ${blob}` }] }
    state.saved.set(person.id, { id: person.id, fetchedAt, credentials })
  }
  return {
    ...{ clock, state, know },
    collect: (people: readonly SourceUser[], keyBlob = '') =>
      collect(deps, people, { ask: keys.of, keyBlob, until: Infinity }),
    collectShared: (people: readonly SourceUser[], keyBlob: string) =>
      collectShared(deps, people, keyBlob),
  }
}

describe('collect', () => {
  it('gives every key of everybody who answered, each with its person', async () => {
    const people = someUsers(12)
    const { collect } = aCollector()
    const { found, ...more } = await collect(people)
    expect(found).toEqual(people.map((person) => ({ key: aKeyOf(person), person })))
    expect(more).toEqual({ barred: [], stale: false, unavail: undefined })
  })

  it.each([
    ['all are fresh', [false, false, false], false],
    ['one is old', [false, true, false], true],
  ])('says that the keys are old ones where %s', async (_what, ages, stale) => {
    const { collect, state } = aCollector()
    three.forEach(({ id }, at) => state.answers.set(id, someKeys([], { stale: ages[at] ?? false })))
    expect(await collect(three)).toMatchObject({ stale })
  })

  it('says why one person could not be asked, and gives the keys of the others', async () => {
    const { collect, state } = aCollector()
    state.answers.set(first.id, cannotSay)
    const { found, unavail } = await collect(three)
    expect(found.map(({ person }) => person)).toEqual([second, third])
    expect(unavail).toBe('no network')
  })

  it('asks five people at a time, and the next one as soon as one of them answered', async () => {
    const people = someUsers(8)
    const { collect, state, clock } = aCollector()
    const held = people.map(() => Promise.withResolvers<undefined>())
    state.onAsk = async ({ name }) => {
      await held[people.findIndex((each) => each.name === name)]?.promise
    }
    const answer = collect(people)
    await clock.advance(0)
    expect(state.asked).toHaveLength(5)
    held[3]?.resolve(undefined)
    await clock.advance(0)
    expect(state.asked).toHaveLength(6)
    for (const each of held) each.resolve(undefined)
    expect((await answer).found).toHaveLength(8)
  })

  it('ends with the key that was looked for: answers that come later change nothing in it', async () => {
    const { collect, state, clock } = aCollector()
    const held = Promise.withResolvers<undefined>()
    state.onAsk = async ({ name }) => {
      if (name !== second.name) await held.promise
    }
    const answer = await collect(someUsers(20), aKeyOf(second).blob)
    held.resolve(undefined)
    await clock.advance(0)
    expect(answer.found.map(({ person }) => person)).toEqual([second])
    expect(state.asked).toHaveLength(5)
  })

  it('gives the keys of people without the MFA device that is required apart from the others', async () => {
    const { collect, state } = aCollector({ requireMfa: true })
    three.forEach((person, at) =>
      state.answers.set(
        person.id,
        someKeys([aKeyOf(person)], [{ mfa: true }, { mfa: false }, {}][at]),
      ),
    )
    const { found, barred } = await collect(three)
    expect(found.map(({ person }) => person)).toEqual([first])
    expect(barred.map(({ person }) => person)).toEqual([second, third])
  })
})

describe('collectShared', () => {
  it('asks people whose last known keys hold the offered one, and no others once it is found', async () => {
    const people = someUsers(9)
    const { collectShared, know, state } = aCollector()
    people.forEach((person) => {
      know(person)
    })
    expect((await collectShared(people, aKeyOf(third).blob)).found).toEqual([
      { key: aKeyOf(third), person: third },
    ])
    expect(state.asked).toEqual([third.name])
    expect(state.sparingly).toEqual([])
  })

  it('asks no others once the person with the key is known to lack an MFA device', async () => {
    const { collectShared, know, state } = aCollector({ requireMfa: true })
    know(first)
    const { blob } = aKeyOf(first)
    expect((await collectShared(three, blob)).barred).toEqual([
      { key: aKeyOf(first), person: first },
    ])
    expect(state.sparingly).toEqual([])
  })

  it('asks no others while the person who had the key last cannot be asked', async () => {
    const { collectShared, know, state } = aCollector()
    know(first)
    state.answers.set(first.id, cannotSay)
    expect(await collectShared(three, aKeyOf(first).blob)).toMatchObject({
      found: [],
      unavail: 'no network',
    })
    expect(state.sparingly).toEqual([])
  })

  it('asks the others for a key that its last known owner has no more', async () => {
    const { collectShared, know, state } = aCollector()
    know(first)
    const { blob } = aKeyOf(first)
    state.answers.set(first.id, someKeys([], { stale: true }))
    state.answers.set(second.id, someKeys([aKeyOf(first)]))
    const { found, stale } = await collectShared(three, blob)
    expect(found.map(({ person }) => person)).toEqual([second])
    // That the first one lost the key is old knowledge.
    expect(stale).toBe(true)
    expect(state.sparingly).not.toContain(first.name)
  })

  it('says that the keys are old ones where those of the others are', async () => {
    const { collectShared, state } = aCollector()
    state.answers.set(first.id, someKeys([], { stale: true }))
    expect(await collectShared([first], outsider)).toMatchObject({ stale: true })
    state.answers.set(first.id, someKeys([]))
    expect(await collectShared([first], outsider)).toMatchObject({ stale: false })
  })

  it('asks the others in the order of their last reading, people never read first', async () => {
    const people = someUsers(4)
    const { collectShared, know, state } = aCollector()
    ;[30, 10, undefined, 20].forEach((fetchedAt, at) => {
      const person = people[at]
      if (person !== undefined && fetchedAt !== undefined) know(person, fetchedAt)
    })
    await collectShared(people, outsider)
    expect(state.sparingly).toEqual(['user2', 'user1', 'user3', 'user0'])
  })

  it('ends with the budget: what was collected by then, and that it is not all', async () => {
    const people = someUsers(7)
    const { collectShared, state, clock } = aCollector()
    const held = Promise.withResolvers<undefined>()
    state.onAsk = ({ name }) => (name === 'user0' ? Promise.resolve() : held.promise.then())
    const answer = collectShared(people, outsider)
    await clock.advance(budgetMs - 1)
    let isOver = false
    void answer.then(() => (isOver = true))
    await clock.advance(0)
    expect(isOver).toBe(false)
    await clock.advance(1)
    const collected = await answer
    expect(collected).toMatchObject({ found: [{ person: people[0] }], unavail: overdue })
    held.resolve(undefined)
    await clock.advance(0)
    expect(collected.found).toHaveLength(1)
    expect(state.sparingly).toHaveLength(6)
  })

  it('asks none of the others when the people with the key took all of the budget', async () => {
    const { collectShared, know, state, clock } = aCollector()
    know(first)
    state.answers.set(first.id, someKeys([], { stale: true }))
    state.onAsk = async () => {
      await clock.advance(budgetMs)
    }
    expect(await collectShared(three, aKeyOf(first).blob)).toEqual({
      found: [],
      barred: [],
      stale: true,
      unavail: overdue,
    })
    expect(state.sparingly).toEqual([])
  })

  it('waits for the people with the key, however long: the last known keys answer in the end', async () => {
    const { collectShared, know, state, clock } = aCollector()
    know(first)
    state.onAsk = async () => {
      await clock.advance(10 * budgetMs)
    }
    expect(await collectShared(three, aKeyOf(first).blob)).toMatchObject({
      found: [{ person: first }],
      unavail: undefined,
    })
  })

  it('leaves no timer behind', async () => {
    const { collectShared, state } = aCollector()
    await collectShared(three, outsider)
    expect(state.sparingly).toHaveLength(3)
    expect(state.timers).toBe(0)
  })
})

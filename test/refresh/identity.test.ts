import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import type { SourceUser } from '../../src/directory/types.ts'
import { momentOf } from '../../src/platform/clock.ts'
import { createIdentify, createIdentityCheck } from '../../src/refresh/identity.ts'
import type { ReadRequest, RefreshResult } from '../../src/refresh/refresh.ts'
import { createStore } from '../../src/refresh/store.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const alice = aUser({ name: 'alice', id: 'AIDAOLD' })

function aCheck() {
  const clock = aClock()
  const store = createStore(1, clock)
  const state = {
    users: [alice] as readonly SourceUser[],
    kept: [] as readonly string[],
    failing: false,
    reads: 0,
  }
  const read = (): boolean => {
    state.reads++
    if (state.failing) return false
    const source = { ...aSource(state.users), keptUserIds: state.kept }
    const rules = someRules()
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    const view = viewOf(directory, { keptIds: state.kept })
    const nothing = { leftOutNames: [], unreadOverrides: null }
    store.replace({ directory: view, readAt: momentOf(clock), ...nothing })
    return true
  }
  const failure = { code: 'source_timeout', message: '', hint: '', at: 0 }
  const readNow = ({ personId = '' }: ReadRequest): Promise<RefreshResult> => {
    if (!read()) return Promise.resolve({ ok: false, failure })
    const person = state.users.find(({ id }) => id === personId)
    const isKept = state.kept.includes(personId)
    const people = person === undefined ? {} : { [personId]: { name: person.name, isKept } }
    return Promise.resolve({ ok: true, people })
  }
  return { clock, state, read, check: createIdentityCheck({ store, readNow, clock }) }
}

describe('createIdentityCheck', () => {
  it('says the same of who is in the directory by this id and name, read anew', async () => {
    const { check, state, read } = aCheck()
    read()
    expect(await check(alice)).toBe('same')
    expect(state.reads).toBe(2)
  })

  it.each([
    ['another', 'was created again', [aUser({ name: 'alice', id: 'AIDANEW' })]],
    ['another', 'is gone', []],
    ['renamed', 'has another name', [{ ...alice, name: 'alicia' }]],
  ])('says %s when the user %s', async (identity, _what, users) => {
    const { check, state } = aCheck()
    state.users = users
    expect(await check(alice)).toBe(identity)
  })

  it('does not know when the read fails, and reads no more for a while', async () => {
    const { check, state, clock } = aCheck()
    state.failing = true
    for (let each = 0; each < 10; each++) expect(await check(alice)).toBe('unknown')
    expect(state.reads).toBe(1)
    await clock.advance(30_000)
    state.failing = false
    expect(await check(alice)).toBe('same')
  })

  it('does not know of a person whom a read kept from before, and reads no more for a while', async () => {
    const { check, state, clock } = aCheck()
    state.kept = [alice.id]
    for (let each = 0; each < 10; each++) expect(await check(alice)).toBe('unknown')
    expect(state.reads).toBe(1)
    expect(await check(aUser({ name: 'bob' }))).toBe('another')
    state.kept = []
    await clock.advance(30_000)
    expect(await check(alice)).toBe('same')
  })

  it('reads again as soon as another read has succeeded', async () => {
    const { check, state, clock, read } = aCheck()
    state.failing = true
    await check(alice)
    await clock.advance(1_000)
    state.failing = false
    read()
    expect(await check(alice)).toBe('same')
  })
})

describe('createIdentify', () => {
  it.each([
    ['same', 'another', 'same'],
    ['another', 'another', 'another'],
    ['another', 'same', 'unknown'],
    ['another', 'unknown', 'unknown'],
    ['another', 'renamed', 'renamed'],
    ['unknown', 'same', 'same'],
    ['unknown', 'another', 'another'],
    ['unknown', 'unknown', 'unknown'],
  ] as const)('of a source that says %s and a directory that says %s says %s', async (...said) => {
    const [bySource, byDirectory, wanted] = said
    let reads = 0
    const identify = createIdentify({ identify: () => Promise.resolve(bySource) }, () => {
      reads++
      return Promise.resolve(byDirectory)
    })
    expect(await identify(alice, new AbortController().signal)).toBe(wanted)
    expect(reads).toBe(bySource === 'same' ? 0 : 1)
  })
})

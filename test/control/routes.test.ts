// What keys and explain say of one person: found by either name, with every key and why it is refused.
import { describe, expect, it } from 'vitest'
import { explainOf, keysOf, type ControlParts } from '../../src/control/routes.ts'
import { buildDirectory } from '../../src/directory/build.ts'
import { indexDirectory } from '../../src/directory/lookup.ts'
import type { PersonKeys } from '../../src/keys/lookup.ts'
import { createStore } from '../../src/refresh/store.ts'
import { aKeyOf } from '../support/access.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

const bob = aUser({ name: 'Bob' })
const carol = aUser({ name: 'carol' })

function parts(answer: PersonKeys): ControlParts {
  const clock = aClock()
  const source = aSource([bob, carol], { developers: ['Bob', 'carol'], ops: ['Bob', 'carol'] })
  const rules = someRules({ sharedAccounts: { deploy: ['ops'] } })
  const local = { ...noLocal, users: new Map([['deploy', 1000]]) }
  const directory = buildDirectory({ source, rules, local, pins: noPins })
  const store = createStore(1)
  const index = indexDirectory(directory)
  const readAt = { wall: clock.now(), monotonic: clock.monotonic(), isSaved: false }
  store.replace({ directory, index, source, rules, local, readAt })
  // Only these parts are asked for keys and explain.
  return { store, clock, keys: { of: () => Promise.resolve(answer) } } as unknown as ControlParts
}

const key = aKeyOf(bob)
const inactive: PersonKeys = {
  status: 'success',
  keys: [],
  refused: [{ id: 'APKA1', type: 'ssh-rsa', reason: 'inactive' }],
  mfa: undefined,
  stale: false,
}
const good: PersonKeys = { ...inactive, keys: [key] }
const away: PersonKeys = { status: 'unavail', reason: 'no network' }

describe('keysOf', () => {
  it.each(['bob', 'Bob', 'AIDABob'])('finds a person by %s', async (name) => {
    expect(await keysOf(parts(good), name)).toMatchObject({
      user: 'bob',
      keys: [{ fingerprint: key.fingerprint, owner: 'Bob' }],
      refused: [{ id: 'APKA1', type: 'ssh-rsa', reason: 'inactive' }],
    })
  })

  it('lists the keys of all who share an account', async () => {
    const document = await keysOf(parts(good), 'deploy')
    expect(document).toMatchObject({ user: 'deploy', keys: [{ owner: 'Bob' }, { owner: 'carol' }] })
  })

  it('knows no keys of others', async () => {
    expect(await keysOf(parts(good), 'stranger')).toBeUndefined()
  })
})

describe('explainOf', () => {
  it('names the Linux account that a person logs in to', async () => {
    const told = await explainOf(parts(good), 'Bob')
    expect(told).toMatchObject({ name: 'Bob', allowed: true, account: 'bob' })
    expect(told.steps.slice(-2)).toEqual([
      { rule: 'keys', outcome: 'pass', found: '1 valid of 2' },
      { rule: 'keys', outcome: 'info', found: 'key APKA1 (ssh-rsa) inactive' },
    ])
  })

  it('says of an inactive key that it is one', async () => {
    const told = await explainOf(parts(inactive), 'bob')
    expect(told).toMatchObject({ allowed: false, account: 'bob' })
    expect(told.steps.slice(-2)).toEqual([
      { rule: 'keys', outcome: 'fail', found: '0 valid of 1' },
      { rule: 'keys', outcome: 'info', found: 'key APKA1 (ssh-rsa) inactive' },
    ])
  })

  it('says so when keys cannot be known, or are not fresh', async () => {
    const told = await explainOf(parts(away), 'bob')
    expect(told.allowed).toBe(false)
    expect(told.steps.at(-1)).toEqual({ rule: 'keys', outcome: 'fail', found: 'no network' })
    const stale = await explainOf(parts({ ...good, stale: true, refused: [] }), 'bob')
    expect(stale.steps.at(-1)?.found).toBe('1 valid of 1, the last known ones')
  })

  it('asks for no keys of nobody, and says how old the directory is', async () => {
    const told = await explainOf(parts(good), 'stranger')
    expect(told).toMatchObject({ allowed: false, account: null })
    expect(told.steps.at(-1)?.found).toBe('read 0 s ago; `iamlogin refresh stranger` asks now')
    expect(await explainOf(parts(good), 'deploy')).toMatchObject({
      allowed: true,
      account: 'deploy',
    })
  })
})

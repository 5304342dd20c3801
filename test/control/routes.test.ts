// What keys and explain say of one person: found by either name, with every key and why it is refused.
import { describe, expect, it } from 'vitest'
import { explainOf, keysOf, type ControlParts } from '../../src/control/routes.ts'
import { buildDirectory } from '../../src/directory/build.ts'
import { explainName } from '../../src/directory/explain.ts'
import type { PersonKeys } from '../../src/keys/lookup.ts'
import { createStore } from '../../src/refresh/store.ts'
import { aKeyOf } from '../support/access.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const bob = aUser({ name: 'Bob' })
const carol = aUser({ name: 'carol' })

function parts(
  answer: PersonKeys,
  more: Partial<ControlParts> = {},
  clock = aClock(),
): ControlParts {
  const source = aSource([bob, carol], { developers: ['Bob', 'carol'], ops: ['Bob', 'carol'] })
  const rules = someRules({ sharedAccounts: { deploy: ['ops'] } })
  const local = { ...noLocal, users: new Map([['deploy', 1000]]) }
  const directory = buildDirectory({ source, rules, local, pins: noPins })
  const store = createStore(1, clock)
  const readAt = { wall: clock.now(), monotonic: clock.monotonic(), isSaved: false }
  store.replace({ directory: viewOf(directory), readAt, leftOutNames: [], unreadOverrides: null })
  // Only these parts are asked for keys and explain.
  const keys = { of: () => Promise.resolve(answer) }
  const input = { source, directory, rules, local }
  const explain = (name: string) => Promise.resolve(explainName(name, input))
  const rest = { explain, offlineMs: 10_000, requireMfa: false, missingShare: () => [], ...more }
  return { store, clock, keys, ...rest } as unknown as ControlParts
}

function keysHere(all: ControlParts, name: string): ReturnType<typeof keysOf> {
  const current = all.store.current()
  if (current === undefined) throw new Error('nothing was read')
  return keysOf(all, current, name)
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
    expect(await keysHere(parts(good), name)).toMatchObject({
      user: 'bob',
      keys: [{ fingerprint: key.fingerprint, owner: 'Bob' }],
      refused: [{ id: 'APKA1', type: 'ssh-rsa', reason: 'inactive' }],
    })
  })

  it('lists the keys of all who share an account', async () => {
    const document = await keysHere(parts(good), 'deploy')
    expect(document).toMatchObject({ user: 'deploy', keys: [{ owner: 'Bob' }, { owner: 'carol' }] })
  })

  it.each(['stranger', 'constructor'])('knows no keys of %s', async (name) => {
    expect(await keysHere(parts(good), name)).toBeUndefined()
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

  it.each([
    [true, true, 'pass', 'an MFA device in the source'],
    [false, false, 'fail', 'no MFA device in the source'],
    [undefined, false, 'fail', 'whether there is an MFA device cannot be read'],
  ] as const)('goes by require_mfa as the door does: %s', async (mfa, allowed, outcome, found) => {
    const told = await explainOf(parts({ ...good, mfa }, { requireMfa: true }), 'bob')
    expect(told.allowed).toBe(allowed)
    expect(told.steps.at(-1)).toEqual({ rule: 'access.require_mfa', outcome, found })
  })

  it('lets nobody in once source.offline is over, as the door does', async () => {
    const clock = aClock()
    const late = parts(good, {}, clock)
    await clock.advance(11_000)
    const told = await explainOf(late, 'bob')
    expect(told.allowed).toBe(false)
    expect(told.steps.at(-1)).toEqual({
      rule: 'source.offline',
      outcome: 'fail',
      found: 'the source was read 11 s ago, which is longer than source.offline',
    })
  })

  it('says which shared accounts are open to a person', async () => {
    expect((await explainOf(parts(good), 'bob')).steps).toContainEqual({
      rule: 'access.shared_accounts',
      outcome: 'info',
      found: 'a valid key of theirs also opens deploy',
    })
  })

  it('says of a shared account what root’s list lacks: nobody comes in without it', async () => {
    const sentence = 'the list does not have deploy'
    const told = await explainOf(parts(good, { missingShare: () => [sentence] }), 'deploy')
    expect(told).toMatchObject({ allowed: false, account: 'deploy', isLocal: true })
    expect(told.steps.at(-1)).toEqual({ rule: "root's list", outcome: 'fail', found: sentence })
  })

  it('asks for no keys of nobody, and says how old the directory is', async () => {
    const told = await explainOf(parts(good), 'stranger')
    expect(told).toMatchObject({ allowed: false, account: null })
    expect(told.steps.at(-1)?.found).toBe('read 0 s ago; `iamlogin refresh stranger` asks now')
    expect(await explainOf(parts(good), 'deploy')).toMatchObject({
      allowed: true,
      account: 'deploy',
      isLocal: true,
    })
  })
})

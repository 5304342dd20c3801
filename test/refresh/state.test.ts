// directory.json and keys.json: which of two grants more, so that a stale one is not left on disk.
import { describe, expect, it } from 'vitest'
import { finish } from '../../src/directory/steps.ts'
import type { SourceDirectory } from '../../src/directory/types.ts'
import { savesMore } from '../../src/keys/state.ts'
import { saysMore, stateSteps } from '../../src/refresh/state.ts'
import { aSource, aUser, noPins } from '../support/builders.ts'

const spell = (source: SourceDirectory, readAt = 1): Buffer =>
  Buffer.from(finish(stateSteps({ readAt, pins: noPins, source })))
const [alice, bob] = [aUser({ name: 'alice' }), aUser({ name: 'bob' })]

describe('saysMore', () => {
  const both = aSource([alice, bob])
  it.each([
    ['the same, read later', both, both, false],
    ['a user who is gone', both, aSource([alice]), true],
    ['a user who came', aSource([alice]), both, false],
    ['a membership that ended', both, aSource([alice, bob], { developers: ['alice'] }), true],
    ['another name', both, aSource([alice, { ...bob, name: 'robert' }]), true],
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(saysMore(spell(onDisk), spell(wanted, 2))).toBe(expected)
  })

  it('of a damaged file', () => {
    expect(saysMore(spell(both).subarray(0, 100), spell(aSource([alice])))).toBe(false)
  })
})

describe('savesMore', () => {
  const keys = (ids: readonly string[], mfa?: boolean): Buffer =>
    Buffer.from(
      JSON.stringify({
        version: 1,
        people: [
          {
            id: 'AIDAalice',
            fetchedAt: 1,
            credentials: {
              ...(mfa === undefined ? {} : { mfa }),
              keys: ids.map((id) => ({ id, origin: 'iam', body: `ssh-ed25519 ${id}` })),
            },
          },
        ],
      }),
    )
  it.each([
    ['the same', keys(['a']), keys(['a']), false],
    ['a key that is gone', keys(['a', 'b']), keys(['a']), true],
    ['a key that came', keys(['a']), keys(['a', 'b']), false],
    ['an MFA device that is gone', keys(['a'], true), keys(['a'], false), true],
    ['a damaged file', keys(['a', 'b']).subarray(0, 60), keys(['a']), false],
  ])('of %s', (_what, onDisk, wanted, expected) => {
    expect(savesMore(onDisk, wanted)).toBe(expected)
  })
})

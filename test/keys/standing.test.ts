// Why the last known refuses a person while the source, or the resolver, is away.
import { describe, expect, it } from 'vitest'
import type { CredentialPart, SourceCredentials, UnreadPart } from '../../src/directory/types.ts'
import { knownFlawOf } from '../../src/keys/standing.ts'
import { aKey, aUser, keysConfig } from '../support/builders.ts'

const alice = aUser({ name: 'alice' })
const aPart = (part: CredentialPart, lastReadAt?: number): UnreadPart => ({
  ...{ part, code: 'source_denied', message: 'denied', hint: 'allow it' },
  ...(lastReadAt === undefined ? {} : { lastReadAt }),
})
const valid = aKey('APKA1')

describe('knownFlawOf', () => {
  const flaw = (credentials: SourceCredentials, requireMfa = false) =>
    knownFlawOf(alice, credentials, { keys: keysConfig, requireMfa, now: 0 })

  it.each<[string, SourceCredentials, ReturnType<typeof flaw>]>([
    ['a valid key', { keys: [valid] }, undefined],
    ['a valid key among others', { keys: [{ ...valid, inactive: true }, valid] }, undefined],
    ['no key', { keys: [] }, 'no valid key'],
    ['an inactive key', { keys: [{ ...valid, inactive: true }] }, 'no valid key'],
    ['a key that is none', { keys: [{ ...valid, body: 'none' }] }, 'no valid key'],
    ['no key, and tags that were never read', { keys: [], unread: [aPart('tags')] }, undefined],
    ['no key, and tags of a while ago', { keys: [], unread: [aPart('tags', 1)] }, 'no valid key'],
    ['no key, and MFA that was never read', { keys: [], unread: [aPart('mfa')] }, 'no valid key'],
  ])('of %s', (_what, credentials, wanted) => {
    expect(flaw(credentials)).toBe(wanted)
  })

  it.each<[string, SourceCredentials, ReturnType<typeof flaw>]>([
    ['a device', { keys: [valid], mfa: true }, undefined],
    ['no device', { keys: [valid], mfa: false }, 'access.require_mfa'],
    ['devices that were not asked for', { keys: [valid] }, 'access.require_mfa'],
    ['devices never read', { keys: [valid], unread: [aPart('mfa')] }, undefined],
    [
      'no device, as of a while ago',
      { keys: [valid], mfa: false, unread: [aPart('mfa', 1)] },
      'access.require_mfa',
    ],
    [
      'none asked for, and tags never read',
      { keys: [valid], unread: [aPart('tags')] },
      'access.require_mfa',
    ],
    ['a device, and no key', { keys: [], mfa: true }, 'no valid key'],
  ])('where MFA is required, of %s', (_what, credentials, wanted) => {
    expect(flaw(credentials, true)).toBe(wanted)
  })
})

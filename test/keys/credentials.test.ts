// Rules that compare two reads of one user's credentials: which keys changed, which are in both, and which
// keys of the earlier read stand in for a part that IAM did not answer.
import { describe, expect, it } from 'vitest'
import type {
  CredentialPart,
  SourceCredentials,
  SourceKey,
  UnreadPart,
} from '../../src/directory/types.ts'
import {
  commonTo,
  completeCredentials,
  countNewBodies,
  isChanged,
  keyOfBlob,
  unknownBy,
  withoutParts,
} from '../../src/keys/credentials.ts'

const upload: SourceKey = { id: 'APKA1', origin: 'iam', body: 'ssh-rsa AAAA1 alice' }
const other: SourceKey = { id: 'APKA2', origin: 'iam', body: 'ssh-rsa AAAA2' }
const ofTag: SourceKey = { id: 'tag:iamlogin:ssh-key', origin: 'tag', body: 'ssh-ed25519 AAAA3' }
const off = (key: SourceKey): SourceKey => ({ ...key, inactive: true })
const aPart = (part: CredentialPart, lastReadAt?: number): UnreadPart => ({
  ...{ part, code: 'source_denied', message: `reading ${part}: denied`, hint: `allow ${part}` },
  ...(lastReadAt === undefined ? {} : { lastReadAt }),
})
const all: SourceCredentials = { keys: [upload, ofTag], mfa: true }

describe('isChanged', () => {
  it.each<[string, SourceCredentials | undefined, boolean]>([
    ['nothing read before', undefined, true],
    ['the same', { ...all }, false],
    ['the same, of which a part was not read', { ...all, unread: [aPart('tags', 1)] }, false],
    ['another key', { ...all, keys: [upload, other] }, true],
    ['a key less', { ...all, keys: [upload] }, true],
    ['a key that was off', { ...all, keys: [off(upload), ofTag] }, true],
    ['no MFA device', { ...all, mfa: false }, true],
    ['none asked for', { keys: all.keys }, true],
  ])('goes by what opens: from %s, %#', (_what, before, is) => {
    expect(isChanged(before, all)).toBe(is)
  })
})

describe('commonTo', () => {
  it('takes nothing that is new, and nothing that is gone', () => {
    expect(commonTo(all, { keys: [upload, other], mfa: true })).toEqual({ ...all, keys: [upload] })
  })

  it.each<[string, Partial<SourceKey>]>([
    ['body', { body: 'ssh-rsa AAAA9' }],
    ['id', { id: 'APKA9' }],
    ['origin', { origin: 'file' }],
  ])('takes no key whose %s is another', (_what, change) => {
    expect(commonTo(all, { keys: [{ ...upload, ...change }] }).keys).toEqual([])
  })

  it('takes a key as inactive that is so by either', () => {
    expect(commonTo(all, { keys: [off(upload)] }).keys).toEqual([off(upload)])
    expect(commonTo({ keys: [off(upload)] }, all).keys).toEqual([off(upload)])
  })

  it('takes the MFA device away where there is none now, and gives none', () => {
    expect(commonTo(all, { keys: [], mfa: false }).mfa).toBe(false)
    expect(commonTo(all, { keys: [] }).mfa).toBe(true)
    expect(commonTo({ keys: [], mfa: false }, all).mfa).toBe(false)
  })
})

describe('countNewBodies', () => {
  it('counts uploads of an id that was not known', () => {
    expect(countNewBodies(undefined, { keys: [upload, other, ofTag] })).toBe(2)
    expect(countNewBodies(all, { keys: [off(upload), other, ofTag] })).toBe(1)
    expect(countNewBodies({ keys: [] }, { keys: [ofTag] })).toBe(0)
  })
})

describe('keyOfBlob', () => {
  it('finds the key by its base64 part alone, off or not', () => {
    const padded = { ...off(other), body: '  ssh-rsa   AAAA2  comment' }
    expect(keyOfBlob({ keys: [upload, padded] }, 'AAAA2')).toBe(padded)
    expect(keyOfBlob({ keys: [upload, padded] }, 'ssh-rsa')).toBeUndefined()
    expect(keyOfBlob(all, 'AAAA')).toBeUndefined()
  })
})

describe('completeCredentials', () => {
  const at5 = () => 5
  const never = () => undefined

  it('gives what was read, where all of it was', () => {
    expect(completeCredentials(all, { keys: [] }, at5)).toEqual({ keys: [] })
  })

  it.each<[CredentialPart, SourceCredentials]>([
    ['uploads', { keys: [upload], mfa: false }],
    ['tags', { keys: [other, ofTag], mfa: false }],
    ['mfa', { keys: [other], mfa: true }],
  ])('gives the last known of %s that could not be read, and of these alone', (part, wanted) => {
    const now: SourceCredentials = {
      keys: part === 'uploads' ? [] : [other],
      ...(part === 'mfa' ? {} : { mfa: false }),
      unread: [aPart(part)],
    }
    expect(completeCredentials(all, now, at5)).toEqual({ ...wanted, unread: [aPart(part, 5)] })
  })

  it('asks of each part when it was read last', () => {
    const now = { keys: [], unread: [aPart('uploads'), aPart('tags'), aPart('mfa')] }
    const completed = completeCredentials(all, now, (part) => (part === 'tags' ? 7 : undefined))
    expect(completed).toEqual({
      keys: [ofTag],
      unread: [aPart('uploads'), aPart('tags', 7), aPart('mfa')],
    })
  })

  it.each([
    ['may not serve any more', all, never],
    ['is not known', undefined, at5],
  ])('gives nothing of a part whose last %s', (_what, before, lastReadAt) => {
    const now = { keys: [ofTag], unread: [aPart('uploads'), aPart('mfa')] }
    expect(completeCredentials(before, now, lastReadAt)).toEqual(now)
  })

  it('takes keys of a file for uploads', () => {
    const ofFile: SourceKey = { id: 'file:1', origin: 'file', body: 'ssh-rsa AAAA4' }
    const now = { keys: [], unread: [aPart('uploads')] }
    expect(completeCredentials({ keys: [ofFile] }, now, at5).keys).toEqual([ofFile])
  })
})

describe('withoutParts', () => {
  const unread = [aPart('uploads', 1), aPart('tags', 2), aPart('mfa', 3)]
  const without = (...old: readonly CredentialPart[]) =>
    withoutParts({ ...all, unread }, ({ part }) => old.includes(part))

  it('leaves what has no part that is too old as it is', () => {
    expect(without()).toEqual({ ...all, unread })
    expect(withoutParts(all, () => true)).toEqual(all)
  })

  it('takes the keys, or the MFA device, of the parts that are too old, and when they were read', () => {
    expect(without('uploads')).toEqual({
      ...{ keys: [ofTag], mfa: true },
      unread: [aPart('uploads'), aPart('tags', 2), aPart('mfa', 3)],
    })
    expect(without('tags')).toMatchObject({ keys: [upload], mfa: true })
    expect(without('mfa')).toEqual({
      keys: [upload, ofTag],
      unread: [aPart('uploads', 1), aPart('tags', 2), aPart('mfa')],
    })
    expect(without('uploads', 'tags', 'mfa')).toEqual({
      keys: [],
      unread: [aPart('uploads'), aPart('tags'), aPart('mfa')],
    })
  })
})

describe('unknownBy', () => {
  it.each<[string, SourceCredentials, CredentialPart | undefined]>([
    ['nothing is missing', { keys: [] }, undefined],
    [
      'uploads were never read, and no key is known',
      { keys: [], unread: [aPart('uploads')] },
      'uploads',
    ],
    ['tags were never read, and no key is known', { keys: [], unread: [aPart('tags')] }, 'tags'],
    ['the one known key is off', { keys: [off(upload)], unread: [aPart('tags')] }, 'tags'],
    ['a key is known all the same', { keys: [upload], unread: [aPart('tags')] }, undefined],
    ['one of two keys is off', { keys: [off(upload), other], unread: [aPart('tags')] }, undefined],
    ['the part was read before', { keys: [], unread: [aPart('tags', 1)] }, undefined],
    ['MFA was never read', { keys: [upload], unread: [aPart('mfa')] }, 'mfa'],
    ['MFA is known', { keys: [], mfa: false, unread: [aPart('mfa')] }, undefined],
  ])('where %s', (_what, credentials, part) => {
    expect(unknownBy(credentials)?.part).toBe(part)
  })
})

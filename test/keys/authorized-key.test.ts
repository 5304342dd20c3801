// Which key of a source becomes a line of authorized_keys(5). Keys of ssh-keygen, and blobs spelt field by
// field as RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4 and OpenSSH's PROTOCOL.u2f say.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { KeysConfig } from '../../src/config/config.ts'
import type { SourceKey } from '../../src/directory/types.ts'
import { fingerprintOf, toAuthorizedKey } from '../../src/keys/authorized-key.ts'
import { aUser, blobOf, keysConfig } from '../support/builders.ts'
import { generateKey } from '../support/keygen.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** An authorized_keys line of `type`: its blob begins with the type, then has these fields. */
const keyOf = (type: string, ...fields: readonly (string | Buffer)[]): string =>
  `${type} ${blobOf(type, ...fields)}`
const bytes = (length: number, first = 7): Buffer => {
  const all = Buffer.alloc(length, 7)
  all[0] = first
  return all
}

const ed25519 = generateKey(folder, 'ed25519', '256')
const check = (body: string, more: Partial<SourceKey> = {}, rules: Partial<KeysConfig> = {}) =>
  toAuthorizedKey({ id: 'APKA1', origin: 'iam', body, ...more }, aUser({ name: 'alice' }), {
    keys: { ...keysConfig, ...rules },
    now: 10_000,
  })
const reasonOf = (body: string, more?: Partial<SourceKey>, rules?: Partial<KeysConfig>) => {
  const result = check(body, more, rules)
  return result.ok ? 'taken' : result.reason
}
const exponent = Buffer.from([1, 0, 1])
const sk = 'sk-ssh-ed25519@openssh.com'
const skEcdsa = 'sk-ecdsa-sha2-nistp256@openssh.com'
const p256 = 'ecdsa-sha2-nistp256'

describe('toAuthorizedKey', () => {
  it('tells everything of a key that it takes', () => {
    const [type = '', blob = ''] = ed25519.body.split(' ')
    const key = {
      line: `ssh-ed25519 ${blob} iamlogin:alice:APKA1`,
      ...{ type, blob, id: 'APKA1', source: 'iam', fingerprint: ed25519.fingerprint },
    }
    expect(check(ed25519.body)).toEqual({ ok: true, key })
    expect(check(ed25519.body, { uploadedAt: 5, origin: 'tag' })).toEqual({
      ok: true,
      key: { ...key, source: 'tag', uploadedAt: 5 },
    })
  })

  it.each([
    ['ed25519', '256'],
    ['ecdsa', '256'],
    ['ecdsa', '384'],
    ['ecdsa', '521'],
    ['rsa', '2048'],
  ])('takes %s of %s bits, with the fingerprint of ssh-keygen', (type, bits) => {
    const key = generateKey(folder, type, bits)
    expect(check(key.body)).toMatchObject({ ok: true, key: { fingerprint: key.fingerprint } })
  })

  it.each([
    [sk, keyOf(sk, bytes(32), 'ssh:')],
    [skEcdsa, keyOf(skEcdsa, 'nistp256', bytes(65, 4), 'ssh:')],
  ])('takes a FIDO key, %s', (_type, body) => {
    expect(reasonOf(body)).toBe('taken')
  })

  it('gives no line for an inactive key, sound or not, and says its type', () => {
    const told = { ok: false, id: 'APKA1', reason: 'inactive' }
    const rsa = `ssh-rsa ${'A'.repeat(64)}`
    expect(check(rsa, { inactive: true })).toEqual({ ...told, type: 'ssh-rsa' })
    expect(check('no key', { inactive: true })).toEqual({ ...told, type: '' })
  })

  const shape = 'it is not "type base64 [comment]" in one line'
  const malformed = 'the base64 part is malformed'
  const blob = ed25519.body.split(' ')[1] ?? ''
  it.each([
    ['options', `command="id" ${ed25519.body}`, shape],
    ['two lines', `${ed25519.body}${ed25519.body}`, shape],
    ['a comment of two lines', `${ed25519.body.trim()} x\ry`, shape],
    ['a type without a key', 'ssh-ed25519', shape],
    ['a type that begins with a capital', `Ssh-ed25519 ${blob}`, shape],
    ['a type of 65 letters', `${'s'.repeat(65)} ${blob}`, shape],
    ['what follows the base64 at once', `ssh-ed25519 ${blob}!`, shape],
    ['a blob of 15 letters', `ssh-ed25519 ${'A'.repeat(15)}`, shape],
    ['a blob of 6,001 letters', `ssh-ed25519 ${'A'.repeat(6001)}`, shape],
    [
      'another type than it holds',
      ed25519.body.replace('ssh-ed25519', 'ssh-rsa'),
      'it says ssh-rsa, but holds another type',
    ],
    ['a type that is not allowed', `ssh-dss ${blob}`, 'type ssh-dss is not in keys.types'],
    ['half a blob', `ssh-ed25519 ${blob.slice(0, 40)}`, malformed],
    ['a length without its bytes', `ssh-ed25519 ${blob.slice(0, 16)}`, malformed],
    ['three bytes after the fields', `ssh-ed25519 ${blob}AAAA`, malformed],
    ['base64 that is not as it would be written', `ssh-ed25519 ${blob}=`, malformed],
    [
      'RSA of three fields and more',
      keyOf('ssh-rsa', exponent, bytes(256, 255), 'x'),
      'the key has 4 fields, ssh-rsa has 3',
    ],
    ['RSA without a modulus', keyOf('ssh-rsa', exponent), 'the key has 2 fields, ssh-rsa has 3'],
    ['an Ed25519 point of 31 bytes', keyOf('ssh-ed25519', bytes(31)), 'the point is malformed'],
    [
      'Ed25519 with one field more',
      keyOf('ssh-ed25519', bytes(32), 'x'),
      'the key has 3 fields, ssh-ed25519 has 2',
    ],
    ['a FIDO point of 33 bytes', keyOf(sk, bytes(33), 'ssh:'), 'the point is malformed'],
    ['a FIDO key for no application', keyOf(sk, bytes(32), ''), 'the application is empty'],
    [
      'a FIDO key without its application',
      keyOf(sk, bytes(32)),
      `the key has 2 fields, ${sk} has 3`,
    ],
    [
      'a FIDO ECDSA key for no application',
      keyOf(skEcdsa, 'nistp256', bytes(65, 4), ''),
      'the application is empty',
    ],
    [
      'a FIDO ECDSA key without its application',
      keyOf(skEcdsa, 'nistp256', bytes(65, 4)),
      `the key has 3 fields, ${skEcdsa} has 4`,
    ],
    [
      'a FIDO ECDSA key on another curve',
      keyOf(skEcdsa, 'nistp384', bytes(65, 4), 'ssh:'),
      'the curve is not nistp256',
    ],
    ['ECDSA on another curve', keyOf(p256, 'nistp384', bytes(97, 4)), 'the curve is not nistp256'],
    ['a short ECDSA point', keyOf(p256, 'nistp256', bytes(64, 4)), 'the point is malformed'],
    ['a compressed ECDSA point', keyOf(p256, 'nistp256', bytes(65, 2)), 'the point is malformed'],
    [
      'ECDSA with one field more',
      keyOf(p256, 'nistp256', bytes(65, 4), 'x'),
      `the key has 4 fields, ${p256} has 3`,
    ],
  ])('refuses %s', (_what, body, reason) => {
    expect(reasonOf(body)).toBe(reason)
  })

  it('says type and id of a key that it refuses', () => {
    expect(check(keyOf('ssh-ed25519', bytes(31)))).toMatchObject({
      id: 'APKA1',
      type: 'ssh-ed25519',
    })
  })

  it('does without what stands around the key: blanks, and a comment with blanks', () => {
    expect(check(`\n ssh-ed25519   ${blob} a b c \n`)).toEqual(check(`ssh-ed25519 ${blob}`))
  })

  it('counts the bits of RSA from the highest that is set, without the sign byte', () => {
    const modulus = (...first: readonly number[]) =>
      Buffer.concat([Buffer.from(first), Buffer.alloc(255, 7)])
    const rsa = (...first: readonly number[]) =>
      reasonOf(keyOf('ssh-rsa', exponent, modulus(...first)))
    expect(rsa(0, 255)).toBe('taken')
    expect(rsa(0x80)).toBe('taken')
    expect(rsa(0x7f)).toBe('RSA of 2047 bits, keys.min_rsa_bits is 2048')
    expect(rsa(0, 0, 1)).toBe('RSA of 2041 bits, keys.min_rsa_bits is 2048')
    const zero = keyOf('ssh-rsa', exponent, Buffer.alloc(256))
    expect(reasonOf(zero)).toBe('RSA of 0 bits, keys.min_rsa_bits is 2048')
    expect(reasonOf(zero, {}, { minRsaBits: 0 })).toBe('taken')
    expect(reasonOf(generateKey(folder, 'rsa', '1024').body, {}, { minRsaBits: 1024 })).toBe(
      'taken',
    )
  })

  it('refuses a key older than keys.max_age, where one is set and the age is known', () => {
    const old = (uploadedAt: number, maxAgeMs: number) =>
      reasonOf(ed25519.body, { uploadedAt }, { maxAgeMs })
    expect(old(9_000, 1_000)).toBe('taken')
    expect(old(8_999, 1_000)).toBe(
      'it was uploaded 1970-01-01T00:00:08.999Z, longer ago than keys.max_age',
    )
    expect(old(0, 0)).toBe('taken')
    expect(reasonOf(ed25519.body, {}, { maxAgeMs: 1 })).toBe('taken')
  })

  it('gives one line and nothing else, whatever the source holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `${ed25519.body.trim()} ${text}`),
        ),
        (body) => {
          const result = check(body)
          if (result.ok)
            expect(result.key.line).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ iamlogin:alice:APKA1$/)
        },
      ),
    )
  })
})

describe('fingerprintOf', () => {
  it('is ssh-keygen’s, without padding', () => {
    expect(fingerprintOf(ed25519.body.split(' ')[1] ?? '')).toBe(ed25519.fingerprint)
    expect(fingerprintOf('')).toBe('SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU')
  })
})

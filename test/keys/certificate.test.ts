// Certificates made by ssh-keygen -s; the fingerprints are ssh-keygen -lf's.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../src/keys/authorized-key.ts'
import { identify } from '../../src/keys/certificate.ts'

const vectors = readFileSync(join(import.meta.dirname, '../vectors/certificates.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [type = '', certificate = '', fingerprint = '', serial = '', id = '', blob = ''] =
      line.split('\t')
    return { type, certificate, fingerprint, serial, id, blob }
  })

describe('identify', () => {
  it.each(vectors)('opens a $type', ({ certificate, fingerprint, serial, id, blob }) => {
    expect(identify(certificate)).toEqual({ blob, fingerprint, certificate: { id, serial } })
    expect(identify(blob)).toEqual({ blob, fingerprint })
  })

  it('knows all types that sshd accepts', () => {
    expect(vectors).toHaveLength(7)
  })

  it('takes what is no sound certificate for a key', () => {
    for (const { certificate } of vectors)
      for (let cut = 0; cut < 110; cut++) {
        const blob = Buffer.from(certificate, 'base64').subarray(0, cut).toString('base64')
        expect(identify(blob)).toEqual({ blob, fingerprint: fingerprintOf(blob) })
      }
  })

  it('throws for no bytes, and lets no control character out', () => {
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 20 })
    fc.assert(
      fc.property(fc.constantFrom(...vectors), edits, ({ certificate }, changes) => {
        const bytes = Buffer.from(certificate, 'base64')
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        expect(identify(bytes.toString('base64')).certificate?.id ?? '').not.toMatch(/\p{Cc}/u)
      }),
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeJournalEntry } from '../../src/platform/journal.ts'

/** journald's side: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
function decode(bytes: Buffer): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\n', at)
    const line = bytes.subarray(at, end)
    const equals = line.indexOf('=')
    if (equals >= 0) {
      fields.push([line.toString('utf8', 0, equals), line.toString('utf8', equals + 1)])
      at = end + 1
      continue
    }
    const length = Number(bytes.readBigUInt64LE(end + 1))
    const from = end + 9
    fields.push([line.toString(), bytes.toString('utf8', from, from + length)])
    expect(bytes[from + length]).toBe(0x0a)
    at = from + length + 1
  }
  return fields
}

describe('encodeJournalEntry', () => {
  it('spells a value of one line as text', () => {
    expect(encodeJournalEntry([['MESSAGE', 'a=b']]).toString()).toBe('MESSAGE=a=b\n')
  })

  it('spells a value with a newline by its length in bytes', () => {
    expect(encodeJournalEntry([['MESSAGE', 'ä\n']])).toEqual(
      Buffer.concat([
        Buffer.from('MESSAGE\n'),
        Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.from('ä\n\n'),
      ]),
    )
  })

  it('lets no value become a field of its own', () => {
    const name = fc.stringMatching(/^[A-Z][A-Z_]{0,20}$/)
    const value = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('\n', 'x\nIAMLOGIN_ACTION=login-allowed\n', '\n\n', '='),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (fields) => {
        expect(decode(encodeJournalEntry(fields))).toEqual(fields)
      }),
    )
  })
})

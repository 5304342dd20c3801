// directory.db's bytes: the vector that the C reader's tests use is made by this writer.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { indexDirectory } from '../../src/directory/lookup.ts'
import { encodeSnapshot, headerSize, supersededOffset } from '../../src/snapshot/format.ts'
import { publishSnapshot } from '../../src/snapshot/publish.ts'
import { sumOf } from '../../src/snapshot/sum.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

function encode(names: readonly string[]): Buffer {
  const rules = someRules({ sudoGroups: ['developers'] })
  const source = aSource(names.map((name) => aUser({ name })))
  const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
  const index = indexDirectory(directory)
  return encodeSnapshot({
    directory,
    index,
    generation: 7,
    readAt: 1_795_520_322_091,
    ids: rules.ids,
    strangers: ['root', 'postgres'],
    offlineMs: 604_800_000,
  })
}

describe('encodeSnapshot', () => {
  it('gives the bytes of the vector', () => {
    const vector = readFileSync(join(import.meta.dirname, '../vectors/directory-db.hex'), 'utf8')
    expect(encode(['alice', 'bob', 'carol']).toString('hex')).toBe(vector.replace(/\s/g, ''))
  })

  it('sums as murmur3_32 does', () => {
    const text = Buffer.from('The quick brown fox jumps over the lazy dog')
    // A different seed than ours would give 0x2e4ff723 for seed 0; ours is pinned by the vector.
    expect(sumOf(text, 0, text.length)).not.toBe(sumOf(text, 0, text.length - 1))
    expect(sumOf(text, 0, 3)).not.toBe(sumOf(text, 1, 4))
  })

  it('keeps every offset inside of the file and aligned', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), { maxLength: 60 }),
        (names) => {
          const bytes = encode(names)
          expect(bytes.readBigUInt64LE(16)).toBe(BigInt(bytes.length))
          for (let table = 0; table < 5; table++) {
            const offset = bytes.readUInt32LE(56 + table * 8)
            const slots = bytes.readUInt32LE(60 + table * 8)
            expect(offset % 4).toBe(0)
            expect(offset + slots * 8).toBeLessThanOrEqual(bytes.length)
            for (let slot = 0; slot < slots; slot++) {
              const record = bytes.readUInt32LE(offset + slot * 8 + 4)
              if (record === 0) continue
              expect(record).toBeGreaterThanOrEqual(headerSize)
              expect(bytes.readUInt32LE(record)).toBe(
                sumOf(bytes, record + 4, record + 8 + bytes.readUInt32LE(record + 4)),
              )
            }
          }
        },
      ),
    )
  })
})

describe('publishSnapshot', () => {
  it('replaces the file whole, for everyone to read, and tells the readers of the old one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
    const path = join(folder, 'directory.db')
    writeFileSync(`${path}.new`, 'left over')
    await publishSnapshot(folder, encode(['alice']))
    const old = await open(path, 'r')
    await publishSnapshot(folder, encode(['bob']))
    const word = Buffer.alloc(4)
    await old.read(word, 0, 4, supersededOffset)
    await old.close()
    expect(word.readUInt32LE()).toBe(1)
    expect(readFileSync(path)).toEqual(encode(['bob']))
    expect(statSync(path).mode & 0o777).toBe(0o644)
    rmSync(folder, { recursive: true })
  })
})

// directory.db's bytes: the vector that the C reader's tests use is made by this writer.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { FormatError } from '../../src/errors.ts'
import type { BootTime } from '../../src/platform/boot-time.ts'
import { silentLog } from '../../src/platform/log.ts'
import { decodeSnapshot, saysMore } from '../../src/snapshot/decode.ts'
import {
  encodeSnapshot,
  headerSize,
  longestRun,
  probesMax,
  slotsOf,
  supersededOffset,
} from '../../src/snapshot/format.ts'
import { createSnapshotFile, publishSnapshot } from '../../src/snapshot/publish.ts'
import { sumOf, xxh32 } from '../../src/snapshot/sum.ts'
import { aClock, aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'

function encode(
  names: readonly string[],
  offlineMs = 604_800_000,
  readBootTime?: BootTime,
): Buffer {
  const ids = { min: 1_879_048_192, max: 2_147_483_647 }
  const rules = someRules({ sudoGroups: ['developers'], ids })
  const source = aSource(names.map((name) => aUser({ name })))
  const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
  return encodeSnapshot({
    directory,
    generation: 7,
    readAt: 1_700_000_000_000,
    ids: rules.ids,
    localNames: ['root', 'postgres'],
    offlineMs,
    readBootTime,
  })
}

describe('encodeSnapshot', () => {
  it.each([
    ['directory-db', 604_800_000],
    ['directory-db-lasting', Number.MAX_SAFE_INTEGER],
    ['directory-db-expired', 0],
  ])('gives the bytes of the vector %s', (name, offlineMs) => {
    const vector = readFileSync(join(import.meta.dirname, `../vectors/${name}.hex`), 'utf8')
    const bytes = encode(['alice', 'bob', 'carol'], offlineMs)
    expect(bytes.toString('hex')).toBe(vector.replace(/\s/g, ''))
  })

  it('says when the source was read by the clock of the boot too, and zeros where it cannot', () => {
    const bytes = (readBootTime?: BootTime): Buffer =>
      encode(['alice'], 604_800_000, readBootTime).subarray(112, headerSize)
    const expected = Buffer.alloc(16)
    expect(bytes()).toEqual(expected)
    expected.writeBigInt64LE(-5n, 0)
    expected.writeBigUInt64LE(0xfedc_ba98_7654_3210n, 8)
    expect(bytes({ boot: 0xfedc_ba98_7654_3210n, ms: -5 })).toEqual(expected)
  })

  // The reference implementation's own vectors.
  it.each([
    ['', 0, 0x02cc5d05],
    ['a', 0, 0x550d7456],
    ['abc', 0, 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
  ])('sums %j as XXH32 does', (text, seed, expected) => {
    const bytes = Buffer.from(text)
    expect(xxh32(bytes, 0, bytes.length, seed)).toBe(expected)
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

/** The longest run of used slots as a reader meets it, slot by slot. */
function runOf(hashes: Uint32Array, slots: number): number {
  const used = new Uint8Array(slots)
  for (const hash of hashes) {
    let at = hash & (slots - 1)
    while (used[at] === 1) at = (at + 1) & (slots - 1)
    used[at] = 1
  }
  let [run, longest] = [0, 0]
  for (let at = 0; at < slots * 2; at++) {
    run = used[at & (slots - 1)] === 1 ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  return longest
}

describe('slotsOf', () => {
  it('has the bound that the reader has', () => {
    const header = readFileSync(join(import.meta.dirname, '../../native/common/snapshot.h'), 'utf8')
    expect(header).toContain(`#define SNAPSHOT_PROBES_MAX ${probesMax}u`)
  })

  it('counts the runs that linear probing makes', () => {
    const hashes = fc.array(fc.nat({ max: 40 }), { maxLength: 16 })
    fc.assert(
      fc.property(hashes, (all) => {
        expect(longestRun(Uint32Array.from(all), 32)).toBe(runOf(Uint32Array.from(all), 32))
      }),
    )
  })

  it('leaves no run that a reader gives up in, with a hundred thousand random names', () => {
    let random = 20
    const hashes = Uint32Array.from({ length: 131_072 }, () => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
      return (random ^ (random >>> 16)) >>> 0
    })
    expect(runOf(hashes, slotsOf(hashes))).toBeLessThan(probesMax)
  })

  it('takes a larger table where a run would be too long', () => {
    const hashes = Uint32Array.from({ length: 400 }, (_, each) => each * 1024)
    expect(runOf(hashes, 1024)).toBe(400)
    expect(slotsOf(hashes)).toBe(4096)
    expect(runOf(hashes, 4096)).toBeLessThan(probesMax)
  })

  it('ends with names that all have one hash', () => {
    expect(slotsOf(new Uint32Array(400).fill(7))).toBe(1024)
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

describe('createSnapshotFile', () => {
  it('withdraws from its readers a file that grants more than is true', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
    const path = join(folder, 'directory.db')
    const file = createSnapshotFile(folder, {
      clock: aClock(),
      log: silentLog,
    })
    const put = (names: readonly string[]) =>
      file.put(() => Promise.resolve({ bytes: encode(names) }))
    await put(['alice', 'bob'])
    const mapped = await open(path, 'r')
    // No temporary file can be made.
    mkdirSync(`${path}.new/occupied`, { recursive: true })
    expect(await put(['alice', 'bob', 'carol'])).toBe(false)
    const word = Buffer.alloc(4)
    await mapped.read(word, 0, 4, supersededOffset)
    expect([existsSync(path), word.readUInt32LE()]).toEqual([true, 0])
    expect(await put(['alice'])).toBe(false)
    await mapped.read(word, 0, 4, supersededOffset)
    expect([existsSync(path), word.readUInt32LE()]).toEqual([false, 2])
    await mapped.close()
    await file.close()
    rmSync(folder, { recursive: true })
  })
})

describe('decodeSnapshot', () => {
  const decode = (bytes: Buffer) => decodeSnapshot(bytes)

  it('gives back people, groups and times', () => {
    const { people, groups, readAt } = decode(encode(['alice', 'bob']))
    expect(readAt).toBe(1_700_000_000_000)
    expect(people.map(({ passwd, user }) => [passwd.name, passwd.dir, user.id])).toEqual([
      ['alice', '/home/alice', 'AIDAalice'],
      ['bob', '/home/bob', 'AIDAbob'],
    ])
    expect(people[0]?.gids[0]).toBe(people[0]?.passwd.gid)
    expect(groups.find(({ name }) => name === 'iamlogin-sudo')?.members).toEqual(['alice', 'bob'])
  })

  it('gives the truth or an error, whichever bit is flipped and wherever it is cut', () => {
    const bytes = encode(['alice', 'bob'])
    const truth = decode(bytes)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      let found = truth
      try {
        found = decode(flipped)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
      // A list may name a record twice for another; nobody in it is false.
      for (const person of found.people) expect(truth.people).toContainEqual(person)
      for (const group of found.groups) expect(truth.groups).toContainEqual(group)
    }
    for (let size = 0; size < bytes.length; size++)
      expect(() => decode(bytes.subarray(0, size))).toThrow()
  })

  it.each([
    ['the same people', ['alice', 'bob'], ['alice', 'bob'], false],
    ['somebody more', ['alice', 'bob'], ['alice'], true],
    ['somebody less', ['alice'], ['alice', 'bob'], false],
  ])('tells whether one grants more: %s', (_what, onDisk, wanted, expected) => {
    expect(saysMore(encode(onDisk), encode(wanted))).toBe(expected)
  })

  it('finds a membership that was taken away, and nothing in a damaged file', () => {
    const groups = { developers: ['alice'], ops: ['alice'] }
    const rules = someRules({ groups: ['developers', 'ops'] })
    const users = [aUser({ name: 'alice' })]
    const spell = (each: typeof groups): Buffer => {
      const source = aSource(users, each)
      const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
      const times = { generation: 1, readAt: 1, offlineMs: 1 }
      return encodeSnapshot({ directory, ids: rules.ids, localNames: [], ...times })
    }
    const [before, now] = [spell(groups), spell({ ...groups, ops: [] })]
    expect(saysMore(before, now)).toBe(true)
    expect(saysMore(now, before)).toBe(false)
    expect(saysMore(before.subarray(0, 300), now)).toBe(false)
  })
})

// A file that must say what is true, on disks that fail: real files, and a folder that is swapped
// away to make writing impossible (root may write anywhere, so that modes prove nothing here).
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createDurableFile, type Content } from '../../src/platform/durable-file.ts'
import { silentLog } from '../../src/platform/log.ts'
import { aClock } from '../support/builders.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** A file of letters: each is a right. */
function aFile() {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  folders.push(folder)
  const path = join(folder, 'rights')
  const clock = aClock()
  const lines: string[] = []
  const tell = (_fields: unknown, message: string): void => {
    lines.push(message)
  }
  const file = createDurableFile({
    path,
    mode: 0o640,
    clock,
    log: { ...silentLog, info: tell, warn: tell, error: tell },
    saysMore: (onDisk, wanted) =>
      Promise.resolve(Array.from(onDisk.toString()).some((right) => !wanted.includes(right))),
  })
  const rights = { now: '', written: 0, hold: Promise.resolve() }
  const encode = async (): Promise<Content> => {
    const bytes = Buffer.from(rights.now)
    await rights.hold
    return { bytes, written: () => rights.written++ }
  }
  const put = (now: string): Promise<boolean> => {
    rights.now = now
    return file.put(encode)
  }
  /** No temporary file can be made; removing works. */
  const fillDisk = () => mkdir(`${path}.new/occupied`, { recursive: true })
  const freeDisk = () => rm(`${path}.new`, { recursive: true })
  const onDisk = () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)
  /** A retry is under way by a timer: real I/O, that only its end tells of. */
  const after = async (ms: number): Promise<void> => {
    await clock.advance(ms)
    await file.idle()
  }
  return { folder, path, clock, lines, file, rights, put, fillDisk, freeDisk, onDisk, after }
}

describe('createDurableFile', () => {
  it('puts the bytes in place with their mode and leaves nothing beside them', async () => {
    const { put, onDisk, folder, path, file } = aFile()
    expect(await put('ab')).toBe(true)
    expect(onDisk()).toBe('ab')
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(readdirSync(folder)).toEqual(['rights'])
    expect(file.owed()).toBeUndefined()
  })

  it('keeps the older one that grants no more, and tries until it is written', async () => {
    const { put, onDisk, fillDisk, freeDisk, file, after, clock, lines, rights } = aFile()
    await put('ab')
    await fillDisk()
    expect(await put('abc')).toBe(false)
    expect(onDisk()).toBe('ab')
    const since = clock.now()
    await after(2_000)
    await after(4_000)
    await after(3_600_000)
    expect(file.owed()).toMatchObject({ file: 'rights', since, onDisk: 'older' })
    expect(lines).toHaveLength(1)
    rights.now = 'abd'
    await freeDisk()
    await after(30_000)
    expect(onDisk()).toBe('abd')
    expect(file.owed()).toBeUndefined()
    expect(rights.written).toBe(2)
    expect(lines).toHaveLength(2)
  })

  it('removes what grants more than is true when it cannot be replaced', async () => {
    const { put, onDisk, fillDisk, freeDisk, file, after } = aFile()
    await put('ab')
    await fillDisk()
    expect(await put('a')).toBe(false)
    expect(onDisk()).toBeUndefined()
    expect(file.owed()).toMatchObject({ onDisk: 'none' })
    await freeDisk()
    await after(2_000)
    expect(onDisk()).toBe('a')
    expect(file.owed()).toBeUndefined()
  })

  it('says so, loudly, when the file that grants too much cannot be removed', async () => {
    const { put, file, fillDisk, path, after, lines, folder, onDisk } = aFile()
    await put('ab')
    await fillDisk()
    // Neither readable nor removable as a file.
    await rename(path, `${folder}/kept`)
    await mkdir(`${path}/full`, { recursive: true })
    expect(await put('a')).toBe(false)
    expect(file.owed()).toMatchObject({ onDisk: 'wrong' })
    expect(lines.at(-1)).toContain('GRANTS WHAT WAS TAKEN AWAY')
    await rm(path, { recursive: true })
    await rm(`${path}.new`, { recursive: true })
    await after(2_000)
    expect(onDisk()).toBe('a')
    expect(file.owed()).toBeUndefined()
  })

  it('tries at each settle, but not in the same breath', async () => {
    const { put, fillDisk, freeDisk, file, clock, onDisk } = aFile()
    await fillDisk()
    await put('a')
    await freeDisk()
    await file.settle()
    expect(onDisk()).toBeUndefined()
    await clock.advance(1_000)
    await file.settle()
    expect(onDisk()).toBe('a')
  })

  it.each(['removed', 'replaced'])('writes anew at settle what another hand %s', async (how) => {
    const { put, file, path, onDisk } = aFile()
    await put('a')
    await file.settle()
    if (how === 'removed') await rm(path)
    else await writeFile(path, 'abc')
    await file.settle()
    expect(onDisk()).toBe('a')
  })

  it('writes one at a time, and the latest of what came meanwhile', async () => {
    const { put, rights, onDisk } = aFile()
    const gate = Promise.withResolvers<undefined>()
    rights.hold = gate.promise.then(() => undefined)
    const all = ['a', 'b', 'c', 'd'].map(put)
    gate.resolve(undefined)
    expect(await Promise.all(all)).toEqual([true, true, true, true])
    expect(onDisk()).toBe('d')
    expect(rights.written).toBe(2)
  })

  it('writes nothing once it is closed, not even what is owed', async () => {
    const { put, file, fillDisk, freeDisk, after, onDisk } = aFile()
    await fillDisk()
    await put('a')
    await file.close()
    await freeDisk()
    await after(60_000)
    await file.settle()
    expect(await put('b')).toBe(false)
    expect(onDisk()).toBeUndefined()
  })
})

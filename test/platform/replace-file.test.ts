// Two writers of one file: each puts a whole one in place.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { replaceFile } from '../../src/platform/replace-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

describe('replaceFile', () => {
  it('leaves the temporary file of another writer alone', async () => {
    const path = join(folder, 'ids')
    writeFileSync(`${path}.1.new`, 'half of it')
    await replaceFile({ path, mode: 0o644, writer: '2' }, Buffer.from('whole'))
    expect(readFileSync(path, 'utf8')).toBe('whole')
    expect(readFileSync(`${path}.1.new`, 'utf8')).toBe('half of it')
    expect(statSync(path).mode & 0o777).toBe(0o644)
  })

  it('has many writers at once end with the whole file of one, and no other file', async () => {
    const path = join(folder, 'ids')
    const texts = Array.from({ length: 20 }, (_, each) => `${each}`.repeat(50_000))
    await Promise.all(
      texts.map((text, each) =>
        replaceFile({ path, mode: 0o644, writer: String(each) }, Buffer.from(text)),
      ),
    )
    expect(texts).toContain(readFileSync(path, 'utf8'))
    expect(readdirSync(folder)).toEqual(['ids'])
  })
})

// journald's folder of a machine: root reads it, others where its files let them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { canReadJournal } from '../../src/platform/journal-access.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe('canReadJournal', () => {
  it('is so for root', () => {
    expect(canReadJournal(0, [])).toBe(true)
  })

  it('is not so for others where there is no journal', () => {
    expect(canReadJournal(1000, [join(folder, 'none'), folder])).toBe(false)
  })

  it('is so for those who can read the system journal of a machine', () => {
    mkdirSync(join(folder, 'machine'))
    expect(canReadJournal(1000, [folder])).toBe(false)
    writeFileSync(join(folder, 'machine', 'system.journal'), '')
    expect(canReadJournal(1000, [folder])).toBe(true)
  })
})

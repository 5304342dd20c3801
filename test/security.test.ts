// SECURITY.md's lists of what a taken-over resolver can and cannot do are those that are played.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attacks, powers } from './adversary/attacks.ts'
import { withLists } from './adversary/document.ts'

const project = resolve(import.meta.dirname, '..')
const all = [...attacks, ...powers]

describe('SECURITY.md', () => {
  it('has the lists of test/adversary (else: node test/adversary/document.ts)', () => {
    const text = readFileSync(resolve(project, 'SECURITY.md'), 'utf8')
    expect(withLists(text)).toBe(text)
  })

  it('points to a test for each line', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    for (const { play } of all)
      if (typeof play === 'string') expect(existsSync(resolve(project, play)), play).toBe(true)
  })
})

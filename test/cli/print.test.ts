import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable } from '../../src/cli/print.ts'

describe('printable', () => {
  it('shows what would steer a terminal, and leaves the rest', () => {
    expect(printable('\u001b]0;title\u0007\u009b2J')).toBe('\\u001b]0;title\\u0007\\u009b2J')
    expect(printable('Zoë\tOps\nbob')).toBe('Zoë\tOps\nbob')
  })

  it('leaves a JSON document the same document', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(JSON.parse(printable(JSON.stringify({ name })))).toEqual({ name })
      }),
    )
  })
})

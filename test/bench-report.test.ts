import { describe, expect, it } from 'vitest'
import { percentile, reportText, toFigure, toTarget } from './bench/report.ts'

describe('bench report', () => {
  const fast = toFigure(
    'fast',
    Array.from({ length: 100 }, (_, index) => String((index + 1) * 1000)).join('\n'),
  )
  const slow = { name: 'slow', samples: 1, p50Us: 510, p99Us: 600 }

  it('takes the percentiles of sorted samples', () => {
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(3)
    expect(fast).toEqual({ name: 'fast', samples: 100, p50Us: 51, p99Us: 100 })
  })

  it('says whether a ratio is met', () => {
    expect(toTarget('a', fast, slow, 0.1)).toEqual({ text: 'a', ratio: 0.1, limit: 0.1, met: true })
    expect(toTarget('a', slow, fast, 0.1).met).toBe(false)
    expect(reportText([fast], [toTarget('a', slow, fast, 0.1)], { x: 1 })).toContain('MISSED')
  })
})

// Figures -> ratios and a table. Pure.
import { table } from '../../src/cli/print.ts'

export type Row = {
  readonly contender: string
  readonly op: string
  readonly users: number
  readonly processes: number
  /** Of one call, in microseconds: median of batches, and percentiles of single calls. */
  readonly callUs: number
  readonly p50Us: number
  readonly p99Us: number
}
export type Target = {
  readonly text: string
  readonly ratio: number
  readonly limit: number
  readonly met: boolean
}
export type Fact = { readonly fact: string; readonly value: string | number }

/** The value below which `part` of the values lie. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

/** Of rows that measure the same thing the median one, in the order of the first. */
export function medians(rows: readonly Row[]): readonly Row[] {
  const same = Map.groupBy(rows, ({ contender, op, processes }) =>
    [contender, op, processes].join(),
  )
  return [...same.values()].flatMap((each) => {
    const sorted = each.toSorted((a, b) => a.callUs - b.callUs)
    return sorted[Math.floor(sorted.length / 2)] ?? []
  })
}

/** A ratio that must stay below a limit. */
export function toTarget(text: string, value: number, base: number, limit: number): Target {
  const ratio = Math.round((value / base) * 10_000) / 10_000
  return { text, ratio, limit, met: ratio <= limit }
}

/** What `npm run bench` prints. */
export function reportText(
  rows: readonly Row[],
  targets: readonly Target[],
  facts: readonly Fact[],
): string {
  const figures = rows.map(({ contender, op, users, processes, callUs, p50Us, p99Us }) => ({
    contender,
    op,
    users,
    processes,
    'call us': callUs,
    'p50 us': p50Us,
    'p99 us': p99Us,
  }))
  const ratios = targets.map(({ text, ratio, limit, met }) => ({
    ratio: text,
    is: ratio,
    'at most': Math.round(limit * 1_000) / 1_000,
    '': met ? 'met' : 'MISSED',
  }))
  return [table(figures, ''), table(ratios, ''), table(facts, '')].join('\n')
}

// Samples -> figures, ratios and a table. Pure.
import { table } from '../../src/cli/print.ts'

export type Figure = {
  readonly name: string
  readonly samples: number
  readonly p50Us: number
  readonly p99Us: number
}
export type Target = {
  readonly text: string
  readonly ratio: number
  readonly limit: number
  readonly met: boolean
}

/** The value below which `part` of the sorted samples lie. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

/** Nanoseconds, one a line -> p50 and p99 in microseconds. */
export function toFigure(name: string, output: string): Figure {
  const sorted = output
    .trim()
    .split('\n')
    .map(Number)
    .toSorted((a, b) => a - b)
  const us = (part: number): number => Math.round(percentile(sorted, part) / 10) / 100
  return { name, samples: sorted.length, p50Us: us(0.5), p99Us: us(0.99) }
}

/** A ratio of two figures' p50 that must stay below a limit. */
export function toTarget(text: string, figure: Figure, base: Figure, limit: number): Target {
  const ratio = Math.round((figure.p50Us / base.p50Us) * 1000) / 1000
  return { text, ratio, limit, met: ratio <= limit }
}

/** What `npm run bench` prints. */
export function reportText(
  figures: readonly Figure[],
  targets: readonly Target[],
  facts: Readonly<Record<string, string | number>>,
): string {
  const rows = figures.map(({ name, p50Us, p99Us, samples }) => ({
    what: name,
    'p50 us': p50Us,
    'p99 us': p99Us,
    samples,
  }))
  const ratios = targets.map(({ text, ratio, limit, met }) => ({
    ratio: text,
    is: ratio,
    'at most': limit,
    '': met ? 'met' : 'MISSED',
  }))
  const told = Object.entries(facts).map(([name, value]) => ({ fact: name, value }))
  return [table(rows, ''), table(ratios, ''), table(told, '')].join('\n')
}

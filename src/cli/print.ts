// How the command line prints: tables for people, one JSON document for programs.
import { Table } from 'console-table-printer'
import ms from 'ms'

export type Output = {
  readonly json: boolean
  readonly write: (text: string) => void
  readonly warn: (text: string) => void
}

/** Prints the document as JSON, or as `show` says. */
export function print<T>(output: Output, document: T, show: (document: T) => string): void {
  output.write(output.json ? JSON.stringify(document, null, 2) : show(document))
}

/** A table with a header; says `none` when there is no row. */
export function table(
  rows: readonly Readonly<Record<string, string | number>>[],
  none: string,
): string {
  if (rows.length === 0) return none
  const printed = new Table({
    shouldDisableColors: true,
    defaultColumnOptions: { alignment: 'left' },
  })
  printed.addRows(rows.map((row) => ({ ...row })))
  return printed.render()
}

/** "3 minutes ago", or "never". */
export function ago(at: number | null, now: number): string {
  return at === null ? 'never' : `${ms(Math.max(0, now - at), { long: true })} ago`
}

// How the command line prints: tables for people, one JSON document for programs.
import { Table } from 'console-table-printer'
import ms from 'ms'

export type Output = {
  readonly json: boolean
  readonly write: (text: string) => void
  readonly warn: (text: string) => void
}

/**
 * The text with control characters as JSON would escape them (\u001b), but for tabs and ends of lines: a
 * name or a message must not speak to root's terminal. ECMA-48: C0, DEL and C1.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what must go
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (each) => {
    const code = each.charCodeAt(0).toString(16)
    return `\\u${code.padStart(4, '0')}`
  })
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

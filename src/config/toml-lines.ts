// The line on which a key of a TOML text stands. smol-toml gives values without positions, and an
// error without a line is no help. A scanner, not a parser: it runs on text that already parsed.

export type TomlPath = readonly (string | number)[]

function splitKey(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    ([, basic, literal, bare]) => basic ?? literal ?? bare ?? '',
  )
}

function commonLength(a: TomlPath, b: TomlPath): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}

/** Removes strings and comments, so that brackets inside of them do not count. */
function bare(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '""').replace(/#.*$/, '')
}

function depthChange(line: string): number {
  const text = bare(line)
  return (text.match(/[[{]/g)?.length ?? 0) - (text.match(/[\]}]/g)?.length ?? 0)
}

/**
 * The 1-based line of `path`, or of the longest part of it that is written (the table for a key
 * that is missing); undefined when nothing of it is. Never throws.
 */
export function lineOf(text: string, path: TomlPath): number | undefined {
  let table: TomlPath = []
  let best: { readonly line: number; readonly length: number } | undefined
  let depth = 0
  let multiline: string | undefined
  const counts = new Map<string, number>()
  const consider = (line: number, found: TomlPath): void => {
    const length = commonLength(found, path)
    // A key of which only a part agrees stands for another value.
    if (length === found.length && length > (best?.length ?? 0)) best = { line, length }
  }
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (multiline !== undefined) {
      if (line.includes(multiline)) multiline = undefined
      continue
    }
    if (depth > 0) {
      depth += depthChange(line)
      continue
    }
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line)
    const assignment =
      /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+|\s*\.\s*)+?)\s*=(.*)$/.exec(line)
    if (header !== null) {
      const key = splitKey(header[2] ?? '')
      if (header[1] === '[[') {
        const name = key.join('\0')
        const count = counts.get(name) ?? 0
        counts.set(name, count + 1)
        table = [...key, count]
        consider(index + 1, key)
      } else table = key
      consider(index + 1, table)
    } else if (assignment !== null) {
      consider(index + 1, [...table, ...splitKey(assignment[1] ?? '')])
      const value = assignment[2] ?? ''
      const opened = /"""|'''/.exec(value)?.[0]
      if (opened !== undefined && value.split(opened).length === 2) multiline = opened
      else depth = Math.max(0, depthChange(value))
    }
  }
  return best?.line
}

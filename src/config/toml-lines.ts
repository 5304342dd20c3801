// The line on which a key of a TOML text stands: an error without a line is no help. smol-toml gives values
// without positions, in a fifth of the time and memory of a syntax tree, which is made where a line is to be said.
import { parseTOML, type AST } from 'toml-eslint-parser'

export type TomlPath = readonly (string | number)[]

/**
 * The 1-based line of a path, or of the longest part of it that is written (the table for a key that is
 * missing); undefined when nothing of it is. Never throws.
 */
export type LineOf = (path: TomlPath) => number | undefined

type Lines = Map<string, number>

/** The first place where a path is written counts. */
function note(lines: Lines, path: TomlPath, { loc }: AST.TOMLNode): void {
  const key = JSON.stringify(path)
  if (!lines.has(key)) lines.set(key, loc.start.line)
}

function noteValue(lines: Lines, path: TomlPath, value: AST.TOMLContentNode): void {
  if (value.type === 'TOMLInlineTable')
    for (const entry of value.body) noteEntry(lines, path, entry)
  else if (value.type === 'TOMLArray')
    for (const [index, element] of value.elements.entries()) {
      note(lines, [...path, index], element)
      noteValue(lines, [...path, index], element)
    }
}

function noteEntry(lines: Lines, table: TomlPath, { key, value }: AST.TOMLKeyValue): void {
  let path = table
  for (const part of key.keys) {
    path = [...path, part.type === 'TOMLBare' ? part.name : part.value]
    note(lines, path, part)
  }
  noteValue(lines, path, value)
}

function noteTable(lines: Lines, { resolvedKey, key, body }: AST.TOMLTable): void {
  for (let length = 1; length <= resolvedKey.length; length++)
    note(lines, resolvedKey.slice(0, length), key)
  for (const entry of body) noteEntry(lines, resolvedKey, entry)
}

function linesIn(text: string): Lines {
  const lines: Lines = new Map()
  try {
    const [top] = parseTOML(text, { tomlVersion: '1.0' }).body
    for (const node of top.body)
      if (node.type === 'TOMLTable') noteTable(lines, node)
      else noteEntry(lines, [], node)
  } catch {
    // smol-toml has told what is no TOML.
  }
  return lines
}

/** Finds lines in `text`; its syntax tree is made at the first question. */
export function createLineOf(text: string): LineOf {
  let lines: Lines | undefined
  return (path) => {
    lines ??= linesIn(text)
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)))
      if (line !== undefined) return line
    }
    return undefined
  }
}

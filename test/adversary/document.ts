// SECURITY.md's lists of what a taken-over resolver cannot and can do, from the tables that are played.
// Run: node test/adversary/document.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { attacks, powers, type Attack } from './attacks.ts'

const path = resolve(import.meta.dirname, '../../SECURITY.md')
const [begin, end] = [
  '<!-- adversary: begin, by node test/adversary/document.ts -->',
  '<!-- adversary: end -->',
]

function line({ id, sentence, play }: Attack): string {
  return `- ${sentence} (${typeof play === 'string' ? `\`${play}\`` : `\`${id}\``})`
}

/** The text with its lists as the tables are. @throws when it has no place for them */
export function withLists(text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path}: no ${begin} ... ${end}`)
  const lists = [
    begin,
    'A taken-over resolver **cannot**:',
    ...attacks.map(line),
    '',
    'It **can**:',
    ...powers.map(line),
  ]
  return `${text.slice(0, from)}${lists.join('\n')}\n${text.slice(to)}`
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(path, withLists(readFileSync(path, 'utf8')))

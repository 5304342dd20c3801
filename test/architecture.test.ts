// ARCHITECTURE.md's import table is a rule, not a hope: this test reads it and the code.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

/** Rows `| 1 | errors, directory |` of the table: room -> level. */
function levels(): ReadonlyMap<string, number> {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const rows = [...text.matchAll(/^\| (\d+) \| ([a-z-`., ]+) \|/gm)]
  return new Map(
    rows.flatMap(([, level, rooms]) =>
      (rooms ?? '')
        .split(',')
        .map((room) => [room.trim().replaceAll('`', ''), Number(level)] as const),
    ),
  )
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, target]) =>
    relative(src, resolve(dirname(join(src, file)), target ?? '')),
  )
}

function room(file: string): string {
  const [first = ''] = file.split('/')
  return file.includes('/') ? first : first.replace(/\.ts$/, '')
}

describe('architecture', () => {
  const level = levels()

  it('names every room in the table', () => {
    const rooms = [...new Set(files.map(room))].sort()
    expect(rooms.filter((name) => !level.has(name))).toEqual([])
  })

  it('imports only towards the beginning of the table', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => room(target) !== room(file))
        .filter((target) => (level.get(room(target)) ?? 99) >= (level.get(room(file)) ?? -1))
        .map((target) => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('has no import cycle', () => {
    const done = new Set<string>()
    const walk = (file: string, path: readonly string[]): readonly string[] => {
      if (path.includes(file)) return [[...path, file].join(' -> ')]
      if (done.has(file)) return []
      const found = importsOf(file).flatMap((target) => walk(target, [...path, file]))
      done.add(file)
      return found
    }
    expect(files.flatMap((file) => walk(file, []))).toEqual([])
  })

  it('keeps the domain free of I/O, clocks and AWS', () => {
    const impure = files
      .filter((file) => file.startsWith('directory/'))
      .filter((file) =>
        /from '(?:node:(?!crypto)|@aws-sdk)|Date\.now|new Date\(\)|Math\.random/.test(
          readFileSync(join(src, file), 'utf8'),
        ),
      )
    expect(impure).toEqual([])
  })

  it('lets only platform/addon.ts load the native addon', () => {
    const loaders = files.filter((file) =>
      /\.node['"]|createRequire|process\.dlopen/.test(readFileSync(join(src, file), 'utf8')),
    )
    expect(loaders.filter((file) => file !== 'platform/addon.ts')).toEqual([])
  })

  it('puts the gate in front of every AWS client and of its credentials', () => {
    const clients = files
      .map((file) => ({ file, text: readFileSync(join(src, file), 'utf8') }))
      .filter(({ text }) => /new \w+Client\(/.test(text))
    expect(clients.map(({ file }) => file)).toEqual([
      'notify/sns.ts',
      'sources/iam-client.ts',
      'sources/instance-tags.ts',
    ])
    for (const { file, text } of clients)
      expect(text, file).toMatch(
        /hostCredentials\(\)[\s\S]*\.use\(answerGate\(\w+Service(?:, sums)?\)\)/,
      )
  })
})

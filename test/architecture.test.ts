// ARCHITECTURE.md's import table is a rule, not a hope: this test reads it and the code.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
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

  it('keeps out of the resolver in memory what only its child processes need', () => {
    const heavy = /^(?:@aws-sdk|@smithy|zod|commander|prom-client|smol-toml|toml-eslint-parser)/
    const loaded = new Map<string, readonly string[]>()
    const load = (file: string): void => {
      if (loaded.has(file)) return
      const text = readFileSync(join(src, file), 'utf8')
      // What an `import type` names, or only `type` names, is not loaded; nor is import() before it runs.
      const targets = [...text.matchAll(/^import (?!type )([^;]*?)(?: ?from )?'([^']+)'/gm)]
        .filter(([, names = '']) => !/^\{(?:\s*type \w+(?: as \w+)?,?)+\s*\} ?$/.test(names))
        .map(([, , target]) => target ?? '')
      loaded.set(file, targets)
      for (const target of targets)
        if (target.startsWith('.')) load(relative(src, resolve(dirname(join(src, file)), target)))
    }
    load('daemon.ts')
    expect(loaded.size).toBeGreaterThan(50)
    expect(loaded.has('sources/iam.ts')).toBe(false)
    const wrong = [...loaded].flatMap(([file, targets]) =>
      targets.filter((target) => heavy.test(target)).map((target) => `${file} loads ${target}`),
    )
    expect(wrong).toEqual([])
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

const native = join(root, 'native')
const nativeFiles = readdirSync(native, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(c|cc|h)$/.test(file))
  .sort()
/** What is installed: each of these is loaded by another program. */
const nativeRooms = ['nss', 'sshd', 'pam', 'terminate', 'addon']

function quotedIncludes(file: string): readonly string[] {
  const text = readFileSync(join(native, file), 'utf8')
  return [...text.matchAll(/^#include "([^"]+)"/gm)].map(([, name]) => name ?? '')
}

/** Rows `| nss, sshd | ... |` of the table of native rooms. */
function nativeTable(): readonly string[] {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  return [...text.matchAll(/^\| `native\/([a-z]+)\/` \|/gm)].map(([, name]) => name ?? '')
}

/** The headers of common/ that a file takes, with those that they take. */
function commonOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  for (const name of quotedIncludes(file)) {
    const header = `common/${name}`
    if (!nativeFiles.includes(header) || seen.has(name)) continue
    seen.add(name)
    commonOf(header, seen)
    const source = header.replace(/h$/, 'c')
    if (nativeFiles.includes(source)) commonOf(source, seen)
  }
  return seen
}

describe('native architecture', () => {
  it('names every room in the table', () => {
    const rooms = [...new Set(nativeFiles.map((file) => file.split('/')[0] ?? ''))].sort()
    expect(nativeTable().toSorted()).toEqual(rooms)
  })

  it('lets a room include its own headers and those of common/ alone', () => {
    const wrong = nativeFiles
      .filter((file) => [...nativeRooms, 'common'].includes(file.split('/')[0] ?? ''))
      .flatMap((file) => {
        const own = file.split('/')[0] ?? ''
        return quotedIncludes(file)
          .filter((name) => !nativeFiles.includes(`${own}/${name}`))
          .filter((name) => !nativeFiles.includes(`common/${name}`))
          .map((name) => `${file} includes ${name}`)
      })
    expect(wrong).toEqual([])
  })

  it('keeps in common/ what two rooms use, and nothing else', () => {
    const users = new Map<string, Set<string>>()
    for (const file of nativeFiles) {
      const [own = ''] = file.split('/')
      if (!nativeRooms.includes(own)) continue
      for (const name of commonOf(file)) users.set(name, (users.get(name) ?? new Set()).add(own))
    }
    const headers = nativeFiles.filter((file) => /^common\/.*\.h$/.test(file))
    const lonely = headers
      .map((file) => file.slice('common/'.length))
      .filter((name) => (users.get(name)?.size ?? 0) < 2)
    expect(lonely).toEqual([])
  })
})

describe('a path in a document or a comment', () => {
  const folders = ['src', 'native', 'test', 'scripts', 'packaging', 'docs']
  const texts = [
    ...['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md'],
    ...folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(md|ts|c|cc|h|sh|toml|txt)$/.test(name))
        .map((name) => join(folder, name)),
    ),
  ]
  /** "native/common/wire.c", not what only looks like it: placeholders, globs, paths of a host. */
  const pattern =
    /(?<![\w./-])(?:src|native|test|scripts|packaging|docs)\/[\w./-]*\w\.(?:ts|c|cc|h|sh|md|toml|conf|json|svg)\b/g

  const comments = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$|^\s*#(?!include|define|if|e|pragma).*$/gm
  /** A file's name alone, as in "wire.c": not behind a slash, a dot or a hyphen. */
  const bareName = /(?<![\w./@%$-])[a-z][\w-]*\.(?:ts|c|cc|h)\b(?![(\w-])/g
  const isOurs = (path: string): boolean =>
    existsSync(join(root, path)) || existsSync(join(root, 'native', path))
  const names = new Set(
    ['src', 'native', 'test', 'scripts'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        basename(path),
      ),
    ),
  )
  /** Of other projects, and of libc. */
  const others = /^(?:auth-pam|getXXent_r|nss|pwd|grp|std\w+)\.[ch]$/

  const find = (pattern: RegExp, isThere: (found: string) => boolean): readonly string[] =>
    texts.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const said = file.endsWith('.md') ? text : (text.match(comments) ?? []).join('\n')
      return [...said.matchAll(pattern)]
        .map(([found]) => found)
        .filter((found) => !/[A-Z]{4}/.test(found) && !isThere(found))
        .map((found) => `${file}: ${found}`)
    })

  it('leads to a file', () => {
    expect(find(pattern, isOurs)).toEqual([])
  })

  it('is the name of a file, where it has no folder', () => {
    expect(find(bareName, (name) => names.has(name) || others.test(name))).toEqual([])
  })
})

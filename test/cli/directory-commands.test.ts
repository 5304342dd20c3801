// The text and the exit code of status and explain, by the document of the resolver.
import { describe, expect, it } from 'vitest'
import { explain, keys, status } from '../../src/cli/directory-commands.ts'
import { Refused, type Ask } from '../../src/cli/resolver-client.ts'
import type { ExplainDocument, StatusDocument } from '../../src/control/documents.ts'

const now = Date.UTC(2026, 10, 26)

const well: StatusDocument = {
  version: '0.0.0',
  startedAt: now,
  source: {
    kind: 'iam',
    state: 'ok',
    lastError: null,
    unreadGroups: [],
    unreadOverrides: null,
    apiCalls: {},
  },
  directory: {
    users: 1,
    groups: 1,
    generation: 1,
    readAt: now,
    stale: false,
    refused: [],
    notices: [],
  },
  keys: { hits: 0, misses: 0, cached: 0, doubted: 0, problems: [] },
  misses: { cached: 0, budgetPerMinute: 60, budgetLeft: 60 },
  snapshot: null,
  owedWrites: [],
  notices: [],
  rssBytes: 0,
}

async function told(document: StatusDocument): Promise<{ code: number; text: string }> {
  const lines: string[] = []
  const write = (text: string): void => {
    lines.push(text)
  }
  const ask: Ask = (schema) => Promise.resolve(schema.parse(document))
  const ofSssd = () => ['the domain iam caches']
  const code = await status(ask, { json: false, write, warn: write }, now, ofSssd)
  return { code, text: lines.join('\n') }
}

const { source, directory } = well
const owed = { file: 'keys.db', since: now, error: 'ENOSPC', onDisk: 'older' as const }

describe('iamlogin status', () => {
  it('exits 0 when everything was read and saved', async () => {
    expect(await told(well)).toMatchObject({ code: 0 })
  })

  it('names SSSD where it caches our names', async () => {
    expect((await told(well)).text).toContain('notice     the domain iam caches')
  })

  it.each([
    ['the source fails', { ...well, source: { ...source, state: 'failing' as const } }],
    ['a part cannot be read', { ...well, source: { ...source, state: 'partial' as const } }],
    ['nothing was read yet', { ...well, source: { ...source, state: 'starting' as const } }],
    ['the directory is stale', { ...well, directory: { ...directory, stale: true } }],
    ['a write is owed', { ...well, owedWrites: [owed] }],
  ])('exits 1 when %s', async (_, document) => {
    expect(await told(document)).toMatchObject({ code: 1 })
  })
})

describe('an answer that is no', () => {
  it.each([
    [true, [JSON.stringify({ error: { message: 'no user', hint: 'look' } }, null, 2)]],
    [false, []],
  ])('is one document on stdout with --json, and words on stderr: %s', async (json, stdout) => {
    const out: string[] = []
    const err: string[] = []
    const ask: Ask = () => Promise.resolve(new Refused('no user', 'look'))
    const output = {
      json,
      write: (text: string) => void out.push(text),
      warn: (text: string) => void err.push(text),
    }
    expect(await keys(ask, output, 'dora', now)).toBe(1)
    expect(out).toEqual(stdout)
    expect(err).toEqual(['iamlogin: no user\nhint: look'])
  })
})

describe('iamlogin explain', () => {
  const person: ExplainDocument = {
    name: 'Bob',
    allowed: true,
    account: 'bob',
    isLocal: false,
    passwd: null,
    steps: [],
  }
  const deploy = { ...person, name: 'deploy', account: 'deploy', isLocal: true }

  it.each([
    [person, 0, 'Bob can log in here as bob'],
    [{ ...person, allowed: false }, 1, 'Bob cannot log in here'],
    [{ ...person, allowed: false, account: null }, 1, 'Bob cannot log in here'],
    [deploy, 0, 'deploy is a local account that the people above share'],
    [{ ...deploy, allowed: false }, 1, 'deploy is a local account: no key in IAM opens it'],
  ])('ends with the verdict %#', async (document, code, verdict) => {
    const lines: string[] = []
    const write = (text: string): void => {
      lines.push(text)
    }
    const ask: Ask = (schema) => Promise.resolve(schema.parse(document))
    const output = { json: false, write, warn: write }
    expect(await explain(ask, output, document.name)).toBe(code)
    expect(lines).toEqual([verdict])
  })

  it.each([
    [true, 1, 'Bob cannot log in here'],
    [false, 0, 'Bob can log in here as bob'],
  ])('goes by the owner of the home as PAM does: %s', async (isRefused, code, verdict) => {
    const lines: string[] = []
    const write = (text: string): void => {
      lines.push(...text.split('\n'))
    }
    const own = { uid: 1900000001, gid: 1900000001, gecos: '', shell: '/bin/sh' }
    const passwd = { name: 'bob', dir: '/home/bob', ...own }
    const ask: Ask = (schema) => Promise.resolve(schema.parse({ ...person, passwd }))
    const host = {
      look: () =>
        Promise.resolve({
          listed: new Set<string>(),
          find: () => Promise.resolve(['the home /home/bob belongs to uid 5']),
        }),
      isHomeRefused: () => Promise.resolve(isRefused),
    }
    expect(await explain(ask, { json: false, write, warn: write }, 'Bob', host)).toBe(code)
    expect(lines).toEqual([
      ...(isRefused ? ['NO   home: /home/bob belongs to another uid: PAM refuses the login'] : []),
      '     left by somebody else: the home /home/bob belongs to uid 5',
      verdict,
    ])
  })
})

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { createLineOf } from '../../src/config/toml-lines.ts'
import { ConfigError } from '../../src/errors.ts'

let folder = ''
const main = (): string => join(folder, 'iamlogin.toml')
const put = (name: string, text: string): void => {
  writeFileSync(join(folder, name), text, { mode: 0o644 })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function errorOf(text: string): ConfigError {
  put('iamlogin.toml', text)
  try {
    loadConfig(main())
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the configuration was taken')
}

const wrong: readonly (readonly [section: string, key: string, value: string])[] = [
  ['source', 'kind', '"ldap"'],
  ['source', 'refresh', '"1 minute"'],
  ['source', 'refresh', '"0"'],
  ['source', 'offline', '7'],
  ['source', 'assume_role', '"role"'],
  ['source', 'region', '"moon"'],
  ['source', 'endpoint', '"ftp://x"'],
  ['source', 'miss_calls_per_minute', '0'],
  ['access', 'groups', '"developers"'],
  ['access', 'groups', '["a b"]'],
  ['access', 'sudo_groups', '[1]'],
  ['access', 'require_mfa', '"yes"'],
  ['access', 'local_groups', '["Do cker"]'],
  ['access', 'shared_accounts', '{ root = ["ops"] }'],
  ['names', 'case', '"upper"'],
  ['names', 'strip_domain', '"example.com"'],
  ['ids', 'min', '999'],
  ['ids', 'max', '2147483648'],
  ['ids', 'max', '1880000000'],
  ['names', 'reserved', '["a b"]'],
  ['accounts', 'home', '"home"'],
  ['accounts', 'home', '"/home"'],
  ['accounts', 'home', '"/home/people"'],
  ['accounts', 'home', '"/%u"'],
  ['accounts', 'home', '"/home/%u/x"'],
  ['accounts', 'home', '"/%u/%u"'],
  ['accounts', 'home', '"/home/../%u"'],
  ['accounts', 'home', '"/home/./%u"'],
  ['accounts', 'home', '"/home//%u"'],
  ['accounts', 'home', '"/home/.%u"'],
  ['accounts', 'shell', '"bash"'],
  ['keys', 'ttl', '"never"'],
  ['keys', 'tags', '1'],
  ['keys', 'types', '["ssh-dss"]'],
  ['keys', 'min_rsa_bits', '512'],
  ['keys', 'max_age', '"-1d"'],
  ['sessions', 'on_revoke', '"kill"'],
  ['audit', 'journal', '"on"'],
  ['audit', 'file', '"audit.ndjson"'],
  ['notify', 'url', '"mailto:x"'],
  ['notify', 'url', '"https://user:secret@hooks.example.com/"'],
  ['notify', 'sns_topic', '"topic"'],
  ['notify', 'events', '["all"]'],
  ['metrics', 'listen', '"9464"'],
]

describe('loadConfig', () => {
  it.each(wrong)(
    'refuses [%s] %s = %s with file, line, key, finding and what is allowed',
    (section, key, value) => {
      const error = errorOf(`# a comment\n\n[${section}]\n${key} = ${value}\n`)
      const told = error.message.split('\n').find((line) => line.includes(`${section}.${key}`))
      expect(told).toMatch(
        new RegExp(`^${main()}:4: ${section}\\.${key}[^:]*: (found .+; allowed: .+)$`),
      )
      expect(error.hint).not.toBe('')
    },
  )

  it('refuses an unknown key and says which one may be meant', () => {
    expect(errorOf('[access]\ngruops = ["a"]\n').message).toBe(
      `${main()}:2: access.gruops: unknown key; did you mean "groups"?`,
    )
  })

  it('refuses broken TOML with line and column', () => {
    expect(errorOf('[access]\ngroups = [\n')).toMatchObject({ code: 'config_syntax' })
    expect(errorOf('x = = 1\n').message).toMatch(/:1:\d+: /)
  })

  it('tells every mistake at once', () => {
    expect(errorOf('[keys]\nttl = 1\ntags = 2\n').message.split('\n')).toHaveLength(2)
  })

  it('refuses a configuration that lets nobody in', () => {
    expect(errorOf('[source]\nrefresh = "60s"\n').message).toContain('access.groups')
  })

  it.each(['eu-west-1', 'us-gov-west-1', 'cn-north-1', 'eusc-de-east-1', 'us-isob-east-1'])(
    'takes the region %s',
    (region) => {
      put('iamlogin.toml', `[source]\nregion = "${region}"\n[access]\ngroups = ["a"]\n`)
      expect(loadConfig(main()).config.source).toMatchObject({ region })
    },
  )

  it('refuses keys of another kind of source', () => {
    expect(
      errorOf('[source]\nkind = "file"\nregion = "eu-west-1"\n[access]\ngroups=["a"]\n').message,
    ).toContain(':3: source.region: has no meaning with kind = "file"')
  })

  it('says that it does not read S3 yet', () => {
    expect(errorOf('[source]\nkind = "s3"\n').message).toContain('does not read yet')
  })

  it('refuses a file that others may write', () => {
    put('iamlogin.toml', '[access]\ngroups = ["a"]\n')
    chmodSync(main(), 0o666)
    expect(() => loadConfig(main())).toThrow('writable by others')
  })

  it('names a file that is not there', () => {
    expect(() => loadConfig(main())).toThrow(main())
  })

  it('lets later files of conf.d win, key by key, and knows where each value is from', () => {
    put('iamlogin.toml', '[access]\ngroups = ["a"]\nrequire_mfa = true\n')
    mkdirSync(join(folder, 'conf.d'))
    put('conf.d/20.toml', '[access]\ngroups = ["c"]\n')
    put('conf.d/10.toml', '[access]\ngroups = ["b"]\n')
    const { config, rows } = loadConfig(main())
    expect(config.access).toMatchObject({ groups: ['c'], requireMfa: true })
    expect(rows.find((row) => row.key === 'access.groups')?.origin).toEqual({
      file: join(folder, 'conf.d/20.toml'),
      line: 2,
    })
    expect(rows.find((row) => row.key === 'access.require_mfa')?.origin).toEqual({
      file: main(),
      line: 3,
    })
    expect(rows.find((row) => row.key === 'keys.ttl')?.origin).toBe('default')
  })
})

describe('lineOf', () => {
  const text =
    '[a]\nb = [\n  1,\n]\n"c.d" = 1 # [x]\n[[e]]\nf = 1\n[[e]]\nf = """\n[g]\n"""\n[h.i]\nj.k = 1\n'

  it.each([
    [['a', 'b'], 2],
    [['a', 'c.d'], 5],
    [['e', 0, 'f'], 7],
    [['e', 1, 'f'], 9],
    [['e', 1, 'missing'], 8],
    [['h', 'i', 'j', 'k'], 13],
    [['a', 'b', 0], 3],
    [['nowhere'], undefined],
  ])('finds %j on line %s', (path, line) => {
    expect(createLineOf(text)(path)).toBe(line)
  })

  it.each(['"""', "'''", '[x]', 'a = [', '}', '\\'])('looks over %s in a comment', (comment) => {
    const lineOf = createLineOf(`# ${comment}\na = 1 # ${comment}\n[b]\n# ${comment}\nc = 2\n`)
    expect([['a'], ['b', 'c']].map(lineOf)).toEqual([2, 5])
  })

  it('says the line of a mistake after a comment with quotes', () => {
    const { message } = errorOf('# like """ in TOML\n[access]\ngroups = ["a"]\ngruops = 1\n')
    expect(message).toContain(':4: access.gruops: unknown key')
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (any, path) => void createLineOf(any)(path)),
    )
  })
})

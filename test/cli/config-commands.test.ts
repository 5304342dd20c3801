// What `config check` looks at beyond the text, and what `config show` lists.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configCheck, configShow } from '../../src/cli/config-commands.ts'
import type { HostFacts } from '../../src/config/host-check.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-cli-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
const silent = { json: true, write: () => undefined, warn: () => undefined }

function aFile(text: string): string {
  const path = join(folder, 'iamlogin.toml')
  writeFileSync(path, `[access]\ngroups = ["developers"]\n${text}`)
  return path
}
const host: HostFacts = {
  users: new Set(),
  groups: new Set(),
  isShell: () => true,
  resolver: undefined,
  stat: () => undefined,
  sudo: { kinds: new Set(), sudoers: undefined, sudoConf: '' },
  sssd: [],
  rootLists: '/etc/iamlogin/root.d',
}

describe('configCheck', () => {
  it('refuses a secret that others may read', async () => {
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'hush')
    const file = aFile(`[notify]\nurl = "https://example.com/"\nsecret_file = "${secret}"\n`)
    chmodSync(secret, 0o644)
    await expect(configCheck(silent, file, host)).rejects.toThrow('others may read or write it')
    chmodSync(secret, 0o640)
    expect(await configCheck(silent, file, host)).toBe(0)
  })

  it('ends 1 where the resolver could not read the file, with the fix', async () => {
    const warned: string[] = []
    const closed = {
      ...host,
      resolver: { uid: 900, gid: 900 },
      stat: () => ({ mode: 0o700, uid: 0, gid: 0 }),
    }
    const output = { ...silent, warn: (text: string) => void warned.push(text) }
    expect(await configCheck(output, aFile(''), closed)).toBe(1)
    expect(warned.join('\n')).toContain('chmod g+r')
  })

  it('ends 0 with a warning where only a part has no effect here', async () => {
    const warned: string[] = []
    const output = { ...silent, warn: (text: string) => void warned.push(text) }
    expect(await configCheck(output, aFile('local_groups = ["dokcer"]\n'), host)).toBe(0)
    expect(warned).toEqual([expect.stringMatching(/^warning: .*dokcer/)])
  })

  describe('of the source "file"', () => {
    const path = join(folder, 'directory.toml')
    const told = async (directory: string, access = '') => {
      const warned: string[] = []
      const output = { ...silent, warn: (text: string) => void warned.push(text) }
      writeFileSync(path, directory)
      const file = aFile(`${access}[source]\nkind = "file"\npath = "${path}"\n`)
      return { code: await configCheck(output, file, host), warned }
    }
    const alice = '[[user]]\nname = "alice"\n'
    const developers = '[[group]]\nname = "developers"\nmembers = ["alice"]\n'

    it('ends 0 where it can be read', async () => {
      expect(await told(alice + developers)).toEqual({ code: 0, warned: [] })
    })

    it.each([
      ['syntax', '[[user]\n', `error: ${path}:1:`],
      ['an unknown key', `${alice}keyz = []\n${developers}`, `error: ${path}:3: user.0.keyz: `],
      [
        'an unknown member',
        developers,
        `error: ${path}:3: group.developers: unknown member "alice"`,
      ],
      [
        'a name twice',
        `${alice}${alice}${developers}`,
        `error: ${path}:4: user: a second one with the name "alice"`,
      ],
      [
        'an id twice',
        `${alice}id = "A"\n[[user]]\nname = "bob"\nid = "A"\n${developers}`,
        `error: ${path}:5: user: a second one with the id "A"`,
      ],
    ])('ends 1, and names the line, for %s', async (_what, directory, error) => {
      const { code, warned } = await told(directory)
      expect(code).toBe(1)
      expect(warned).toEqual([expect.stringContaining(error)])
    })

    it('warns of a group that it does not have', async () => {
      const { code, warned } = await told(alice + developers, 'sudo_groups = ["opps"]\n')
      expect(code).toBe(0)
      expect(warned).toEqual([expect.stringMatching(/^warning: .*\[\[group\]\] name = "opps"/)])
    })

    it('ends 1 where it is not there', async () => {
      rmSync(path, { force: true })
      const file = aFile(`[source]\nkind = "file"\npath = "${path}"\n`)
      expect(await configCheck(silent, file, host)).toBe(1)
    })
  })
})

describe('configShow', () => {
  const rows = (text: string) => {
    let document: unknown
    configShow({ ...silent, write: (json) => void (document = JSON.parse(json)) }, aFile(text))
    return new Map(
      (document as readonly { key: string; value: unknown; origin: unknown }[]).map((row) => [
        row.key,
        row,
      ]),
    )
  }

  it('lists keys that are not set and have no default', () => {
    for (const key of ['assume_role', 'external_id', 'region', 'endpoint'])
      expect(rows('').get(`source.${key}`)).toMatchObject({ value: null, origin: 'default' })
  })

  it('shows durations as they are written, defaults too', () => {
    const shown = rows('[source]\nrefresh = "5m"\n')
    expect(shown.get('source.refresh')?.value).toBe('5m')
    expect(shown.get('source.offline')?.value).toBe('7d')
    expect(shown.get('keys.ttl')?.value).toBe('30s')
    expect(shown.get('keys.max_age')?.value).toBe('0')
  })
})

// The process that checks the configuration: the real entry, and programs that fail in its place.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { createHostProcess } from '../../src/start/host-process.ts'
import { children } from '../support/processes.ts'

let folder = ''
let file = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-host-'))
  file = join(folder, 'iamlogin.toml')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const { readConfig } = createHostProcess()

describe('reading the configuration in a process of its own', () => {
  it('gives what the file says, defaults filled in', async () => {
    writeFileSync(file, '[access]\ngroups = ["developers"]\n[keys]\nttl = "2m"\n')
    const { config } = await readConfig(file)
    expect(config).toEqual(loadConfig(file).config)
    expect(config.keys.ttlMs).toBe(120_000)
  })

  it('says what this host lacks of what the file names', async () => {
    writeFileSync(file, '[access]\ngroups = ["a"]\nlocal_groups = ["no-such-group"]\n')
    const { warnings } = await readConfig(file)
    expect(warnings.join('\n')).toContain(`${file}:3: access.local_groups: this host has no group`)
    expect(warnings.join('\n')).toContain('iamlogin config grants --write')
  })

  it('refuses with file, line, key and hint', async () => {
    writeFileSync(file, '[access]\ngroups = "developers"\n')
    await expect(readConfig(file)).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'config_invalid',
      message: expect.stringContaining(`${file}:2: access.groups: found "developers"`) as string,
      hint: expect.stringContaining('fix the lines above') as string,
    })
  })

  it.each([
    ['cannot be started', { execPath: '/nonexistent/node' }, /cannot be started/],
    ['dies', { execPath: '/bin/false' }, /ended with status 1 and no answer/],
  ])('refuses where the process %s', async (_what, program, sentence) => {
    writeFileSync(file, '[access]\ngroups = ["developers"]\n')
    const failing = createHostProcess(program)
    const before = children()
    await expect(failing.readConfig(file)).rejects.toMatchObject({
      code: 'config_unreadable',
      message: expect.stringMatching(sentence) as string,
    })
    await expect(failing.readCloud()).resolves.toBeUndefined()
    expect(children()).toEqual(before)
  })
})

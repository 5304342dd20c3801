import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { createNotifiers } from '../../src/notify/create.ts'
import { silentLog } from '../../src/platform/log.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** What the lines of [notify] come to. */
function notifiersOf(lines: string) {
  const file = join(folder, 'iamlogin.toml')
  writeFileSync(file, `[access]\ngroups = ["developers"]\n[notify]\n${lines}\n`, { mode: 0o644 })
  return createNotifiers({
    config: loadConfig(file).config.notify,
    document: () => ({}),
    version: '1',
    now: () => 0,
    log: silentLog,
  })
}

const url = 'url = "https://hooks.example.com/iamlogin"'
const topic = 'sns_topic = "arn:aws:sns:eu-west-1:123456789012:iamlogin"'

describe('createNotifiers', () => {
  it.each([
    ['nothing', '', 0],
    ['a URL', url, 1],
    ['a topic', topic, 1],
    ['both', `${url}\n${topic}`, 2],
  ])('makes one for each target: %s', async (_what, lines, count) => {
    expect(await notifiersOf(lines)).toHaveLength(count)
  })

  it('chooses, where nothing is said, sessions, refusals, sudo and lost access', () => {
    const file = join(folder, 'iamlogin.toml')
    writeFileSync(file, '[access]\ngroups = ["developers"]\n', { mode: 0o644 })
    expect(loadConfig(file).config.notify).toEqual({
      url: '',
      snsTopic: '',
      events: ['session-open', 'login-refused', 'sudo', 'access-lost'],
      secretFile: '',
    })
  })

  it('refuses a secret that cannot be used before anything is sent', async () => {
    await expect(notifiersOf(`${url}\nsecret_file = "${folder}/none"`)).rejects.toThrow(ConfigError)
  })

  it('looks at no secret where there is no URL to sign for', async () => {
    expect(await notifiersOf(`${topic}\nsecret_file = "${folder}/none"`)).toHaveLength(1)
  })
})

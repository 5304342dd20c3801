// What the configuration needs of AWS, and what `config check` looks at beyond its text.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configCheck, policyFor } from '../../src/cli/config-commands.ts'
import { loadConfig } from '../../src/config/load.ts'

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
const actionsOf = (text: string) =>
  policyFor(loadConfig(aFile(text)).config).Statement.flatMap(({ Action }) => Action)

describe('policyFor', () => {
  it('asks for no more than the groups and the keys where no more is used', () => {
    expect(actionsOf('[keys]\ntags = false\n')).toEqual([
      'iam:GetGroup',
      'iam:ListSSHPublicKeys',
      'iam:GetSSHPublicKey',
    ])
  })

  it('asks to publish to the topic of [notify], and to no other', () => {
    const topic = 'arn:aws:sns:eu-west-1:123456789012:logins'
    const { Statement } = policyFor(loadConfig(aFile(`[notify]\nsns_topic = "${topic}"\n`)).config)
    expect(Statement).toContainEqual({
      Sid: 'Notify',
      Effect: 'Allow',
      Action: ['sns:Publish'],
      Resource: topic,
    })
  })
})

describe('configCheck', () => {
  it('refuses a secret that others may read', () => {
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'hush')
    const file = aFile(`[notify]\nurl = "https://example.com/"\nsecret_file = "${secret}"\n`)
    chmodSync(secret, 0o644)
    expect(() => configCheck(silent, file)).toThrow('others may read or write it')
    chmodSync(secret, 0o640)
    expect(configCheck(silent, file)).toBe(0)
  })
})

// The policies that an administrator attaches: for each way to reach IAM, no more and no less.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { policiesFor, policy } from '../../src/cli/policy-command.ts'
import { loadConfig } from '../../src/config/load.ts'
import { UsageError } from '../../src/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-policy-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function aFile(text: string): string {
  const path = join(folder, 'iamlogin.toml')
  writeFileSync(path, `[access]\ngroups = ["developers"]\n${text}`)
  return path
}
const policies = (text: string, region?: string) =>
  policiesFor(loadConfig(aFile(text)).config, region)
const actions = (text: string) => policies(text).host.Statement.flatMap(({ Action }) => Action)
const role = 'arn:aws-cn:iam::123456789012:role/iamlogin'

describe('policiesFor', () => {
  it('asks for no more than the groups and the keys where no more is used', () => {
    expect(actions('[keys]\ntags = false\n')).toEqual([
      'iam:GetGroup',
      'iam:GetUser',
      'iam:ListSSHPublicKeys',
      'iam:GetSSHPublicKey',
    ])
  })

  it('asks to publish to the topic of [notify], and to no other', () => {
    const topic = 'arn:aws:sns:eu-west-1:123456789012:logins'
    expect(policies(`[notify]\nsns_topic = "${topic}"\n`).host.Statement).toContainEqual({
      Sid: 'Notify',
      Effect: 'Allow',
      Action: ['sns:Publish'],
      Resource: topic,
    })
  })

  it('covers a group with a path and one without', () => {
    expect(policies('').host.Statement[0]?.Resource).toEqual([
      'arn:aws:iam::*:group/developers',
      'arn:aws:iam::*:group/*/developers',
    ])
  })

  it.each([
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['eusc-de-east-1', 'aws-eusc'],
    ['eu-west-1', 'aws'],
    [undefined, 'aws'],
  ])('names the ARNs of region %s in the partition %s', (region, partition) => {
    const text = JSON.stringify(policies('', region).host)
    expect(text.match(/arn:[^:]+/g)).toEqual(Array.from({ length: 3 }, () => `arn:${partition}`))
  })

  it('goes by source.region before the environment', () => {
    const { host } = policies('[source]\nregion = "cn-north-1"\n', 'eu-west-1')
    expect(JSON.stringify(host)).toContain('arn:aws-cn:iam')
  })

  it('tells apart, with assume_role, what the host may, what the role may and whom it trusts', () => {
    const given = policies(
      `[source]\nassume_role = "${role}"\nexternal_id = "blue"\n[notify]\nsns_topic = "arn:aws-cn:sns:cn-north-1:123456789012:x"\n`,
    )
    expect(given.host.Statement.flatMap(({ Action }) => Action)).toEqual([
      'sts:AssumeRole',
      'sns:Publish',
    ])
    expect(given.host.Statement[0]?.Resource).toBe(role)
    expect(given.role?.Statement.flatMap(({ Action }) => Action)).toEqual([
      'iam:GetGroup',
      'iam:GetUser',
      'iam:ListSSHPublicKeys',
      'iam:GetSSHPublicKey',
      'iam:ListUserTags',
    ])
    expect(JSON.stringify(given.role)).toContain('arn:aws-cn:iam::*:user/*')
    expect(given.trust?.Statement[0]).toMatchObject({
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': 'blue' } },
    })
  })

  it('asks nothing of IAM where the source is a file', () => {
    expect(policies('[source]\nkind = "file"\n')).toEqual({
      host: { Version: '2012-10-17', Statement: [] },
    })
  })
})

describe('policy', () => {
  const run = (text: string, document?: string) => {
    const written: string[] = []
    const warned: string[] = []
    policy(
      {
        json: false,
        write: (line) => void written.push(line),
        warn: (line) => void warned.push(line),
      },
      { file: aFile(text), document, region: undefined },
    )
    return { document: JSON.parse(written.join('')) as unknown, warned: warned.join('\n') }
  }

  it('prints one policy that can be attached as it is where one role does all', () => {
    expect(run('').document).toHaveProperty('Statement')
  })

  it('prints three documents, or the one that is named, where there are two roles', () => {
    const text = `[source]\nassume_role = "${role}"\n`
    expect(Object.keys(run(text).document as object)).toEqual(['host', 'role', 'trust'])
    expect(run(text).warned).toContain('HOST-ROLE')
    expect(run(text, 'role').document).toHaveProperty('Statement')
    expect(run(text, 'role').warned).toBe('')
    expect(run(text, 'trust').warned).toContain('HOST-ROLE')
  })

  it('says so where no policy is needed', () => {
    expect(run('[source]\nkind = "file"\n').warned).toContain('no policy is needed')
  })

  it.each(['role', 'everything'])('refuses --document %s where there is none', (name) => {
    expect(() => run('', name)).toThrow(UsageError)
  })
})

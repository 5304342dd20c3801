// iamlogin config check, config show, policy: what the configuration says, without the resolver.
import writeFileAtomic from 'write-file-atomic'
import type { Config } from '../config/config.ts'
import { loadConfig, type ConfigRow } from '../config/load.ts'
import { readSecret } from '../notify/webhook.ts'
import { grantsOf } from '../platform/grants.ts'
import { print, table, type Output } from './print.ts'

function originText(origin: ConfigRow['origin']): string {
  return origin === 'default' ? 'default' : `${origin.file}:${origin.line}`
}

/** iamlogin config check: throws ConfigError for a configuration that cannot be used. */
export function configCheck(output: Output, file: string): 0 {
  const { files, config } = loadConfig(file)
  const { url, secretFile } = config.notify
  if (url !== '' && secretFile !== '') readSecret(secretFile)
  print(output, { ok: true, files }, () => `${files.join(', ')}: good`)
  return 0
}

/** iamlogin config show: the merged configuration with each value's origin. */
export function configShow(output: Output, file: string): 0 {
  const { rows } = loadConfig(file)
  print(output, rows, () =>
    table(
      rows.map((row) => ({
        key: row.key,
        value: JSON.stringify(row.value),
        origin: originText(row.origin),
      })),
      'nothing',
    ),
  )
  return 0
}

/**
 * iamlogin config grants [--write]: the local groups and accounts that root hands out. The NSS module
 * and the key command read them from files of root's, so that a resolver that was taken over can't.
 */
export async function configGrants(output: Output, file: string, write: boolean): Promise<0> {
  const { access, ids } = loadConfig(file).config
  const grants = grantsOf({ ...access, ids })
  for (const { path, key, names } of write ? grants : [])
    await writeFileAtomic(
      path,
      `# Written from ${key} of ${file} by: iamlogin config grants --write\n${names.map((name) => `${name}\n`).join('')}`,
      { mode: 0o644 },
    )
  print(output, { grants, written: write }, () =>
    grants.map(({ path, names }) => `${path}: ${names.join(', ') || 'none'}`).join('\n'),
  )
  return 0
}

type Statement = {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: string | readonly string[]
}

/** The least IAM policy for what the configuration uses; IAM policy grammar 2012-10-17. */
export function policyFor(config: Config): {
  readonly Version: '2012-10-17'
  readonly Statement: readonly Statement[]
} {
  const { access, keys, accounts, source, notify } = config
  const everyone = access.groups.includes('*')
  const named = [
    ...access.groups,
    ...access.sudoGroups,
    ...Object.values(access.sharedAccounts).flat(),
  ]
  const groups = [...new Set(named.filter((name) => name !== '*'))]
  const tagged = access.instanceTag !== '' || access.sudoInstanceTag !== ''
  // A tag may name any group: then the resource can't be narrowed.
  const groupArns = tagged
    ? ['arn:aws:iam::*:group/*']
    : groups.map((name) => `arn:aws:iam::*:group/${name}`)
  const ofUsers = [
    'iam:ListSSHPublicKeys',
    'iam:GetSSHPublicKey',
    ...(keys.tags || accounts.tags ? ['iam:ListUserTags'] : []),
    ...(access.requireMfa ? ['iam:ListMFADevices'] : []),
  ]
  const allow = (
    Sid: string,
    Action: readonly string[],
    Resource: Statement['Resource'],
  ): Statement => ({
    Sid,
    Effect: 'Allow',
    Action,
    Resource,
  })
  return {
    Version: '2012-10-17',
    Statement: [
      ...(groupArns.length > 0 ? [allow('Groups', ['iam:GetGroup'], groupArns)] : []),
      ...(everyone ? [allow('Everyone', ['iam:ListUsers'], '*')] : []),
      allow('Keys', ofUsers, 'arn:aws:iam::*:user/*'),
      ...(tagged ? [allow('InstanceTags', ['ec2:DescribeTags'], '*')] : []),
      // By the instance's own role: SNS does not go through source.assume_role.
      ...(notify.snsTopic === '' ? [] : [allow('Notify', ['sns:Publish'], notify.snsTopic)]),
      ...(source.kind === 'iam' && source.assumeRole !== undefined
        ? [allow('Role', ['sts:AssumeRole'], source.assumeRole)]
        : []),
    ],
  }
}

/** iamlogin policy: JSON in either form, it goes into a file. */
export function policy(output: Output, file: string): 0 {
  output.write(JSON.stringify(policyFor(loadConfig(file).config), null, 2))
  return 0
}

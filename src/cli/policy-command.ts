// iamlogin policy: the least IAM policies for what the configuration uses.
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { partitionOf, partitionOfArn } from '../config/partition.ts'
import { UsageError } from '../errors.ts'
import type { Output } from './print.ts'

type Statement = {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: string | readonly string[]
}

/** IAM policy grammar 2012-10-17. */
export type Policy = { readonly Version: '2012-10-17'; readonly Statement: readonly Statement[] }

/** The principals that a role trusts: a policy whose statement has a principal in place of a resource. */
export type TrustPolicy = {
  readonly Version: '2012-10-17'
  readonly Statement: readonly {
    readonly Effect: 'Allow'
    readonly Principal: { readonly AWS: string }
    readonly Action: 'sts:AssumeRole'
    readonly Condition?: { readonly StringEquals: { readonly 'sts:ExternalId': string } }
  }[]
}

export type Policies = {
  /** For the role of the host itself. */
  readonly host: Policy
  /** With source.assume_role: for that role, and its trust policy. */
  readonly role?: Policy
  readonly trust?: TrustPolicy
}

/** An ARN's account and role that only the administrator knows. */
const unknownHostRole = 'HOST-ACCOUNT-ID:role/HOST-ROLE'

function allow(Sid: string, Action: readonly string[], Resource: Statement['Resource']): Statement {
  return { Sid, Effect: 'Allow', Action, Resource }
}

function policyOf(Statement: readonly Statement[]): Policy {
  return { Version: '2012-10-17', Statement }
}

/** A group's or user's ARN holds its path: both without one and with any. */
function groupArns(partition: string, groups: readonly string[]): readonly string[] {
  return groups.flatMap((name) => [
    `arn:${partition}:iam::*:group/${name}`,
    `arn:${partition}:iam::*:group/*/${name}`,
  ])
}

function hasTags({ access }: Config): boolean {
  return access.instanceTag !== '' || access.sudoInstanceTag !== ''
}

/** What reading IAM needs; nothing where the source is a file. */
function iamStatements(config: Config, partition: string): readonly Statement[] {
  const { access, keys, accounts, source } = config
  if (source.kind !== 'iam') return []
  const named = [
    ...access.groups,
    ...access.sudoGroups,
    ...Object.values(access.sharedAccounts).flat(),
  ]
  const groups = [...new Set(named.filter((name) => name !== '*'))]
  // A tag may name any group: then the resource can't be narrowed.
  const arns = hasTags(config) ? [`arn:${partition}:iam::*:group/*`] : groupArns(partition, groups)
  const ofUsers = [
    'iam:GetUser',
    'iam:ListSSHPublicKeys',
    'iam:GetSSHPublicKey',
    ...(keys.tags || accounts.tags ? ['iam:ListUserTags'] : []),
    ...(access.requireMfa ? ['iam:ListMFADevices'] : []),
  ]
  return [
    ...(arns.length > 0 ? [allow('Groups', ['iam:GetGroup'], arns)] : []),
    ...(access.groups.includes('*') ? [allow('Everyone', ['iam:ListUsers'], '*')] : []),
    allow('Keys', ofUsers, `arn:${partition}:iam::*:user/*`),
  ]
}

/** What is asked with the host's own role, whatever role reads IAM. */
function hostStatements(config: Config): readonly Statement[] {
  const { notify } = config
  return [
    ...(hasTags(config) ? [allow('InstanceTags', ['ec2:DescribeTags'], '*')] : []),
    ...(notify.snsTopic === '' ? [] : [allow('Notify', ['sns:Publish'], notify.snsTopic)]),
  ]
}

/**
 * The least IAM policies for what the configuration uses.
 * @param region where source.region is not set: AWS_REGION; it tells the partition of the ARNs.
 */
export function policiesFor(config: Config, region: string | undefined): Policies {
  const { source } = config
  const host = hostStatements(config)
  if (source.kind !== 'iam') return { host: policyOf(host) }
  if (source.assumeRole === undefined) {
    const statements = iamStatements(config, partitionOf(source.region ?? region))
    return { host: policyOf([...statements, ...host]) }
  }
  const partition = partitionOfArn(source.assumeRole)
  return {
    host: policyOf([allow('Role', ['sts:AssumeRole'], source.assumeRole), ...host]),
    role: policyOf(iamStatements(config, partition)),
    trust: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: `arn:${partition}:iam::${unknownHostRole}` },
          Action: 'sts:AssumeRole',
          ...(source.externalId === undefined
            ? {}
            : { Condition: { StringEquals: { 'sts:ExternalId': source.externalId } } }),
        },
      ],
    },
  }
}

/** iamlogin policy: JSON in either form, for it goes into a file. */
export function policy(
  output: Output,
  options: {
    readonly file: string
    /** host, role or trust: that document alone. */
    readonly document: string | undefined
    readonly region: string | undefined
  },
): 0 {
  const { document } = options
  const policies = policiesFor(loadConfig(options.file).config, options.region)
  if (document !== undefined && document !== 'host' && document !== 'role' && document !== 'trust')
    throw new UsageError(`--document ${document}: no such document`, {
      hint: 'host, role or trust',
    })
  const chosen = document === undefined ? policies : policies[document]
  if (chosen === undefined)
    throw new UsageError(`--document ${document}: there is none`, {
      hint: 'only source.assume_role makes documents for a second role',
    })
  // One role, one document: what goes into a file as it is.
  const printed = chosen === policies && policies.role === undefined ? policies.host : chosen
  output.write(JSON.stringify(printed, null, 2))
  if ('Statement' in printed && printed.Statement.length === 0)
    output.warn('iamlogin: this configuration makes no AWS calls: no policy is needed')
  if ('trust' in printed || document === 'trust')
    output.warn(
      'iamlogin: replace HOST-ACCOUNT-ID and HOST-ROLE by the account and the role of your hosts',
    )
  return 0
}

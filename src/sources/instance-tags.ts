// Groups named by a tag of this instance: IMDSv2 first, then ec2:DescribeTags.
import type { EC2Client } from '@aws-sdk/client-ec2'
import { MetadataService } from '@aws-sdk/ec2-metadata-service'
import { SourceError } from '../errors.ts'
import { answerGate } from './answer.ts'
import { ec2Service } from './answer-shapes.ts'
import { hostCredentials } from './host-credentials.ts'
import { toSourceError } from './iam-errors.ts'

/** A tag's value is at most this long; AWS General Reference, "Tag naming limits". */
const longestValue = 256
/** EC2 may answer with empty pages before the one that has the tag. */
const mostPages = 10

/** Splits a tag's value "developers, ops" into group names. */
export function splitGroups(value: string): readonly string[] {
  return [...new Set(value.split(/[\s;,]+/).filter((name) => name !== ''))]
}

/** Whether a tag's value can be a list of names of IAM groups; a page of HTML cannot. */
function isGroupList(value: string): boolean {
  return (
    value.length <= longestValue && splitGroups(value).every((name) => /^[\w+=.@*-]+$/.test(name))
  )
}

/** One value of the instance metadata that has to look like `pattern`. */
async function metadatum(
  metadata: MetadataService,
  path: string,
  pattern: RegExp,
): Promise<string> {
  const value = await metadata.request(path, {})
  if (pattern.test(value)) return value
  throw new SourceError(
    'source_foreign_answer',
    `reading ${path} of the instance metadata: ${JSON.stringify(value.slice(0, 80))} is none`,
    { hint: 'check what answers in place of IMDS: AWS_EC2_METADATA_SERVICE_ENDPOINT, a proxy' },
  )
}

async function tagOf(
  client: EC2Client,
  instance: string,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const { DescribeTagsCommand } = await import('./ec2.ts')
  let next: string | undefined
  for (let page = 0; page < mostPages; page++) {
    const answer = await client.send(
      new DescribeTagsCommand({
        Filters: [
          { Name: 'resource-id', Values: [instance] },
          { Name: 'key', Values: [key] },
        ],
        ...(next === undefined ? {} : { NextToken: next }),
      }),
      { abortSignal: signal },
    )
    const [tag, ...more] = answer.Tags ?? []
    if (tag !== undefined) {
      if (tag.ResourceId === instance && tag.Key === key && more.length === 0)
        return tag.Value ?? ''
      throw foreignTag(`it is of ${tag.ResourceId ?? 'nothing'}`, key, instance)
    }
    next = answer.NextToken === '' ? undefined : answer.NextToken
    if (next === undefined) return ''
  }
  throw foreignTag('its pages do not end', key, instance)
}

function foreignTag(flaw: string, key: string, instance: string): SourceError {
  return new SourceError(
    'source_foreign_answer',
    `reading the tag ${key} of ${instance}: no answer of ec2:DescribeTags: ${flaw}`,
    { hint: 'check what answers in place of AWS: HTTPS_PROXY, a captive portal, DNS' },
  )
}

async function describeTag(
  metadata: MetadataService,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const region = await metadatum(
    metadata,
    'latest/meta-data/placement/region',
    /^[a-z]{2,6}(-[a-z]+)+-\d{1,2}$/,
  )
  const instance = await metadatum(metadata, 'latest/meta-data/instance-id', /^m?i-[\da-f]{1,32}$/)
  const { EC2Client } = await import('./ec2.ts')
  const client = new EC2Client({ region, credentials: hostCredentials(), maxAttempts: 3 })
  client.middlewareStack.use(answerGate(ec2Service))
  try {
    return await tagOf(client, instance, key, signal)
  } catch (error) {
    throw toSourceError(error, `reading the tag ${key} of ${instance}`, {
      action: 'ec2:DescribeTags',
      resource: '*',
    })
  } finally {
    client.destroy()
  }
}

/**
 * The tag's value by the instance metadata; undefined where EC2 has to be asked: tags are not in the
 * metadata (the default), this one is not there, or what came proves nothing.
 */
async function metadataTag(metadata: MetadataService, key: string): Promise<string | undefined> {
  const path = 'latest/meta-data/tags/instance'
  try {
    // Whatever answers "OK" or nothing to everything does not list the tag's key.
    const keys = await metadata.request(path, {})
    if (!keys.split('\n').includes(key)) return undefined
    const value = await metadata.request(`${path}/${encodeURIComponent(key)}`, {})
    return isGroupList(value) ? value.trim() : undefined
  } catch {
    return undefined
  }
}

/**
 * The group names in this instance's tag `key`; none when the tag is absent.
 * @throws {SourceError} when neither IMDS nor EC2 can say.
 */
export async function readInstanceTag(
  key: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const metadata = new MetadataService({ httpOptions: { timeout: 1_000 } })
  try {
    const value = (await metadataTag(metadata, key)) ?? (await describeTag(metadata, key, signal))
    if (isGroupList(value)) return splitGroups(value)
  } catch (error) {
    if (error instanceof SourceError) throw error
    throw new SourceError(
      'source_unreachable',
      `reading the instance tag ${key}: no instance metadata`,
      {
        hint: 'is this an EC2 instance with IMDSv2 on? Else name the groups in access.groups',
        cause: error,
      },
    )
  }
  throw new SourceError('source_malformed', `the instance tag ${key} is no list of IAM groups`, {
    hint: 'write it as "developers, ops": names of IAM groups, separated by commas or blanks',
  })
}

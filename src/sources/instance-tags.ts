// Groups named by a tag of this instance: IMDSv2 first, then ec2:DescribeTags.
import { MetadataService } from '@aws-sdk/ec2-metadata-service'
import { SourceError } from '../errors.ts'
import { toSourceError } from './iam-errors.ts'

/** Splits a tag's value "developers, ops" into group names. */
export function splitGroups(value: string): readonly string[] {
  return [...new Set(value.split(/[\s;,]+/).filter((name) => name !== ''))]
}

async function describeTag(
  metadata: MetadataService,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const region = await metadata.request('latest/meta-data/placement/region', {})
  const instance = await metadata.request('latest/meta-data/instance-id', {})
  const { EC2Client, DescribeTagsCommand } = await import('@aws-sdk/client-ec2')
  const client = new EC2Client({ region, maxAttempts: 3 })
  try {
    const answer = await client.send(
      new DescribeTagsCommand({
        Filters: [
          { Name: 'resource-id', Values: [instance] },
          { Name: 'key', Values: [key] },
        ],
      }),
      { abortSignal: signal },
    )
    return answer.Tags?.[0]?.Value ?? ''
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
 * The group names in this instance's tag `key`; none when the tag is absent.
 * @throws {SourceError} when neither IMDS nor EC2 can say.
 */
export async function readInstanceTag(
  key: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const metadata = new MetadataService({ httpOptions: { timeout: 1_000 } })
  try {
    return splitGroups(
      await metadata.request(`latest/meta-data/tags/instance/${encodeURIComponent(key)}`, {}),
    )
  } catch {
    // 404: tags are not in the metadata (the default), or this tag is not there: ask EC2.
  }
  try {
    return splitGroups(await describeTag(metadata, key, signal))
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
}

// AWS partitions and regions. The partition is the second field of every ARN there, and decides the
// host names of the endpoints.
import { distance } from 'fastest-levenshtein'

type Partition = {
  readonly name: string
  /** Regions of the partition begin with it; empty: all that no other partition has. */
  readonly prefix: string
  /** Those that the SDK knew at the time of writing: AWS adds new ones. */
  readonly regions: string
}

/** From the SDK's partitions.js; test/config/partition.test.ts compares. */
const partitions: readonly Partition[] = [
  { name: 'aws-cn', prefix: 'cn-', regions: 'cn-north-1 cn-northwest-1' },
  { name: 'aws-us-gov', prefix: 'us-gov-', regions: 'us-gov-east-1 us-gov-west-1' },
  { name: 'aws-eusc', prefix: 'eusc-', regions: 'eusc-de-east-1' },
  { name: 'aws-iso-b', prefix: 'us-isob-', regions: 'us-isob-east-1 us-isob-west-1' },
  { name: 'aws-iso-f', prefix: 'us-isof-', regions: 'us-isof-east-1 us-isof-south-1' },
  { name: 'aws-iso-e', prefix: 'eu-isoe-', regions: 'eu-isoe-west-1' },
  { name: 'aws-iso', prefix: 'us-iso-', regions: 'us-iso-east-1 us-iso-west-1' },
  {
    name: 'aws',
    prefix: '',
    regions:
      'af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ' +
      'ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ' +
      'ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 ' +
      'eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 ' +
      'me-west-1 mx-central-1 sa-east-1 sa-west-1 us-east-1 us-east-2 us-west-1 us-west-2',
  },
]

/** "aws-cn" for "cn-north-1"; "aws" for every region of the public partition and for undefined. */
export function partitionOf(region: string | undefined): string {
  return partitions.find(({ prefix }) => (region ?? '').startsWith(prefix))?.name ?? 'aws'
}

/** The partition that an ARN names. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function partitionOfArn(arn: string): string {
  return arn.split(':')[1] ?? 'aws'
}

/** Every region that was known when this version was made; AWS may have more by now. */
export const knownRegions: readonly string[] = partitions.flatMap(({ regions }) =>
  regions.split(' '),
)

/** The known region that is spelled most like this one; undefined for a known one. */
export function nearestRegion(region: string): string | undefined {
  if (knownRegions.includes(region)) return undefined
  return knownRegions.toSorted((a, b) => distance(region, a) - distance(region, b))[0]
}

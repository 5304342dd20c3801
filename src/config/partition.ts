// The AWS partition of a region: the second field of every ARN there.

/** From the SDKs' partitions.json; a region of no row is of the partition aws. */
const partitions: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^cn-/, 'aws-cn'],
  [/^us-gov-/, 'aws-us-gov'],
  [/^eusc-/, 'aws-eusc'],
  [/^us-isob-/, 'aws-iso-b'],
  [/^us-isof-/, 'aws-iso-f'],
  [/^eu-isoe-/, 'aws-iso-e'],
  [/^us-iso-/, 'aws-iso'],
]

/** "aws-cn" for "cn-north-1"; "aws" for every region of the public partition and for undefined. */
export function partitionOf(region: string | undefined): string {
  return partitions.find(([pattern]) => pattern.test(region ?? ''))?.[1] ?? 'aws'
}

/** The partition that an ARN names. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function partitionOfArn(arn: string): string {
  return arn.split(':')[1] ?? 'aws'
}

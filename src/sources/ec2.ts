// What of EC2's client is used: a bundle leaves out the rest, which is most of it.
export { DescribeTagsCommand, EC2Client } from '@aws-sdk/client-ec2'

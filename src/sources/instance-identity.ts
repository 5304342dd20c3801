// Which instance this is, for audit events: the instance identity document of IMDSv2.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
import { MetadataService } from '@aws-sdk/ec2-metadata-service'
import * as z from 'zod'
import type { Cloud } from '../directory/types.ts'

const document = z.object({
  accountId: z.string().regex(/^\d{12}$/),
  instanceId: z.string().regex(/^m?i-[\da-f]{1,32}$/),
  region: z.string().regex(/^[a-z\d-]{1,32}$/),
  availabilityZone: z.string().regex(/^[a-z\d-]{1,48}$/),
})

/** Undefined where there is no instance metadata: off EC2, or switched off. */
export async function readInstanceIdentity(): Promise<Cloud | undefined> {
  try {
    const metadata = new MetadataService({ httpOptions: { timeout: 1_000 } })
    // Without a slash in front: the SDK puts the path behind the endpoint's own "/".
    const text = await metadata.request('latest/dynamic/instance-identity/document', {})
    return document.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

// The SDK's client with our time-outs, retries, credentials and a counter of every request sent.
import { IAMClient } from '@aws-sdk/client-iam'
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { answerGate } from './answer.ts'
import type { AnswerSums } from './answer-sums.ts'
import { iamService, stsService } from './answer-shapes.ts'
import { hostCredentials } from './host-credentials.ts'

export type IamClientOptions = {
  readonly assumeRole?: string
  readonly externalId?: string
  readonly region?: string
  readonly endpoint?: string
}

/** IAM is one service for the whole partition; any region of it leads there. */
const anyRegion = 'us-east-1'

/** Those of the role, where one is to be assumed, by those of this host. */
function credentialsFor({ assumeRole, externalId }: IamClientOptions, region: string) {
  if (assumeRole === undefined) return hostCredentials()
  return fromTemporaryCredentials({
    masterCredentials: hostCredentials(),
    params: {
      RoleArn: assumeRole,
      RoleSessionName: 'iamlogin',
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    },
    clientConfig: { region },
    clientPlugins: [answerGate(stsService)],
  })
}

/**
 * Standard retries: 3 attempts with jitter. Time-outs: 2 s to connect, 5 s for an answer.
 * STS, for assume_role, is found by the region or by AWS_ENDPOINT_URL_STS.
 */
export function createIamClient(
  options: IamClientOptions,
  onRequest: (operation: string) => void,
  sums?: AnswerSums,
): IAMClient {
  const region = options.region ?? process.env['AWS_REGION'] ?? anyRegion
  const client = new IAMClient({
    region,
    credentials: credentialsFor(options, region),
    maxAttempts: 3,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
    },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
  })
  client.middlewareStack.use(answerGate(iamService, sums))
  client.middlewareStack.add(
    (next, context) => (args) => {
      onRequest((context.commandName ?? 'Unknown').replace(/Command$/, ''))
      return next(args)
    },
    // After the retry middleware: every attempt counts, as it does for AWS's limits.
    { step: 'finalizeRequest', priority: 'low', name: 'iamloginCount' },
  )
  return client
}

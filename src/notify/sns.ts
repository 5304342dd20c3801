// Publishes an event to an SNS topic.
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { answerGate } from '../sources/answer.ts'
import { snsService } from '../sources/answer-shapes.ts'
import { hostCredentials } from '../sources/host-credentials.ts'
import type { Send } from './notifier.ts'

/** @param deps.endpoint for emulators and PrivateLink */
export function createSns(deps: {
  readonly topic: string
  readonly region?: string
  readonly endpoint?: string
}): Send {
  const region = deps.region ?? deps.topic.split(':')[3] ?? 'us-east-1'
  const client = new SNSClient({
    region,
    credentials: hostCredentials(),
    maxAttempts: 1,
    ...(deps.endpoint === undefined ? {} : { endpoint: deps.endpoint }),
  })
  // A page of a proxy or portal is no delivery.
  client.middlewareStack.use(answerGate(snsService))
  return async ({ id, event, body }, signal) => {
    const user = 'subject' in event ? event.subject.linuxUser : ''
    await client.send(
      new PublishCommand({
        TopicArn: deps.topic,
        Message: body,
        Subject: `iamlogin: ${event.action} ${user}`.trim().slice(0, 100),
        MessageAttributes: { action: { DataType: 'String', StringValue: event.action } },
        ...(deps.topic.endsWith('.fifo')
          ? { MessageGroupId: user === '' ? 'iamlogin' : user, MessageDeduplicationId: id }
          : {}),
      }),
      { abortSignal: signal },
    )
  }
}

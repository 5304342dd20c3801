// SNS by the real SDK: what moto takes and passes on to a queue, and each word on the wire.
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import type { AuditEvent } from '../../src/audit/event.ts'
import { createNotifiers } from '../../src/notify/create.ts'
import { createNotifier } from '../../src/notify/notifier.ts'
import { createSns } from '../../src/notify/sns.ts'
import { silentLog } from '../../src/platform/log.ts'
import { aLoss, alicesSubject } from '../support/audit.ts'
import { startMoto, type Moto } from '../support/moto.ts'

const region = 'eu-west-1'
const topicArn = (name: string): string => `arn:aws:sns:${region}:123456789012:${name}`
const never = new AbortController().signal

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const received = z.object({
  Subject: z.string(),
  Message: z.string(),
  MessageAttributes: z.record(z.string(), z.object({ Value: z.string() })),
})
const found = (xml: string, name: string): readonly string[] =>
  [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(([, value]) =>
    (value ?? '').replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
  )

/** moto's SQS and SNS by AWS's query protocol: only SNS has a client here. */
function ask(moto: Moto, service: 'sns' | 'sqs', parameters: Readonly<Record<string, string>>) {
  return fetch(moto.url, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(parameters),
  }).then((answer) => answer.text())
}

/** A topic and a queue that hears it; gives the topic's ARN and a reader of the queue. */
async function aTopic(moto: Moto, name: string) {
  const fifo: Readonly<Record<string, string>> = name.endsWith('.fifo')
    ? { 'Attributes.entry.1.key': 'FifoTopic', 'Attributes.entry.1.value': 'true' }
    : {}
  const fifoQueue: Readonly<Record<string, string>> = name.endsWith('.fifo')
    ? { 'Attribute.1.Name': 'FifoQueue', 'Attribute.1.Value': 'true' }
    : {}
  const topic = await ask(moto, 'sns', { Action: 'CreateTopic', Name: name, ...fifo })
  const [arn = ''] = found(topic, 'TopicArn')
  const queue = await ask(moto, 'sqs', { Action: 'CreateQueue', QueueName: name, ...fifoQueue })
  const [queueUrl = ''] = found(queue, 'QueueUrl')
  await ask(moto, 'sns', {
    Action: 'Subscribe',
    TopicArn: arn,
    Protocol: 'sqs',
    Endpoint: `arn:aws:sqs:${region}:123456789012:${name}`,
  })
  const read = async () => {
    const answer = await ask(moto, 'sqs', {
      Action: 'ReceiveMessage',
      QueueUrl: queueUrl,
      MaxNumberOfMessages: '10',
      'AttributeName.1': 'All',
    })
    return found(answer, 'Message').map((message) => {
      const names = found(message, 'Name')
      const values = found(message, 'Value')
      const [body = ''] = found(message, 'Body')
      return {
        ...received.parse(JSON.parse(body)),
        groupId: values[names.indexOf('MessageGroupId')],
      }
    })
  }
  return { arn, read }
}

const config = { url: '', snsTopic: '', events: ['access-lost', 'source-failing'], secretFile: '' }
const failing: AuditEvent = {
  action: 'source-failing',
  at: 1,
  code: 'source_denied',
  reason: 'access denied',
}

describe('createNotifiers, to SNS', () => {
  let moto: Moto | undefined
  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    moto = await startMoto()
    if (moto === undefined) console.warn('SKIPPED: SNS: moto[server] is not installed here')
  }, 240_000)
  afterAll(async () => {
    await moto?.stop()
  })

  async function publish(snsTopic: string, events: readonly AuditEvent[]) {
    const [notifier] = await createNotifiers({
      config: { ...config, snsTopic },
      document: (event) => ({ event: { action: event.action } }),
      version: '1',
      now: () => 0,
      log: silentLog,
    })
    for (const event of events) notifier?.notify(event)
    await notifier?.close()
    return notifier
  }

  it('publishes with the credentials and the endpoint of the environment', async ({ skip }) => {
    if (moto === undefined) return skip()
    vi.stubEnv('AWS_ENDPOINT_URL_SNS', moto.url)
    const { arn, read } = await aTopic(moto, 'iamlogin')
    const notifier = await publish(arn, [aLoss({ linuxUser: 'alice' })])
    expect(notifier?.dropped()).toBe(0)
    expect(await read()).toMatchObject([
      {
        Subject: 'iamlogin: access-lost alice',
        Message: '{"event":{"action":"access-lost"}}',
        MessageAttributes: { action: { Value: 'access-lost' } },
      },
    ])
  })

  it('groups by user in a FIFO topic, so that the order of each is kept', async ({ skip }) => {
    if (moto === undefined) return skip()
    vi.stubEnv('AWS_ENDPOINT_URL_SNS', moto.url)
    const { arn, read } = await aTopic(moto, 'iamlogin.fifo')
    const events = [aLoss({ linuxUser: 'alice' }), aLoss({ linuxUser: 'bob' }), failing]
    expect((await publish(arn, events))?.dropped()).toBe(0)
    const messages = await read()
    expect(messages.map(({ Subject, groupId }) => [Subject, groupId])).toEqual([
      ['iamlogin: access-lost alice', 'alice'],
      ['iamlogin: access-lost bob', 'bob'],
      ['iamlogin: source-failing', 'iamlogin'],
    ])
  })
})

describe('createSns', () => {
  let server: Server
  let endpoint = ''
  let requests: { readonly fields: URLSearchParams; readonly authorization: string }[] = []
  let answers: (number | 'none' | 'page')[] = []
  const taken =
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>'
  const refused =
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>'

  beforeEach(async () => {
    requests = []
    answers = []
    server = createServer((request, response) => {
      void text(request).then((body) => {
        const { authorization = '' } = request.headers
        requests.push({ fields: new URLSearchParams(body), authorization })
        const answer = answers.shift() ?? 200
        if (answer === 'none') return
        response.writeHead(answer === 'page' ? 200 : answer, { 'content-type': 'text/xml' })
        response.end(answer === 200 ? taken : answer === 'page' ? '<html></html>' : refused)
      })
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const address = server.address()
    endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })

  const delivery = { id: 'id-1', event: aLoss(), body: '{"a":1}' }

  it('says the topic, the event and its action, and no more where the topic is no FIFO', async () => {
    await createSns({ topic: topicArn('t'), endpoint })(delivery, never)
    expect(Object.fromEntries(requests[0]?.fields ?? [])).toEqual({
      Action: 'Publish',
      Version: '2010-03-31',
      TopicArn: topicArn('t'),
      Message: '{"a":1}',
      Subject: 'iamlogin: access-lost alice',
      'MessageAttributes.entry.1.Name': 'action',
      'MessageAttributes.entry.1.Value.DataType': 'String',
      'MessageAttributes.entry.1.Value.StringValue': 'access-lost',
    })
  })

  it('takes the region from the topic', async () => {
    vi.stubEnv('AWS_REGION', 'us-west-2')
    await createSns({ topic: topicArn('t'), endpoint })(delivery, never)
    expect(requests[0]?.authorization).toContain(`/${region}/sns/aws4_request`)
  })

  it('lets a FIFO topic know each delivery, so that a second try is no second message', async () => {
    await createSns({ topic: topicArn('t.fifo'), endpoint })(delivery, never)
    const fields = requests[0]?.fields
    expect(fields?.get('MessageDeduplicationId')).toBe('id-1')
    expect(fields?.get('MessageGroupId')).toBe('alice')
  })

  it('keeps the subject within the hundred characters that SNS takes', async () => {
    const event = aLoss({ ...alicesSubject, linuxUser: 'x'.repeat(200) })
    await createSns({ topic: topicArn('t'), endpoint })({ ...delivery, event }, never)
    expect(requests[0]?.fields.get('Subject')).toHaveLength(100)
  })

  it('takes no page for a delivery', async () => {
    answers = ['page']
    await expect(createSns({ topic: topicArn('t'), endpoint })(delivery, never)).rejects.toThrow(
      'no answer of sns:Publish: a document <html>',
    )
  })

  it('leaves tries to the notifier: one request for one try, whatever comes of it', async () => {
    answers = [500, 429, 403]
    const send = createSns({ topic: topicArn('t'), endpoint })
    for (const count of [1, 2, 3]) {
      await expect(send(delivery, never)).rejects.toThrow()
      expect(requests).toHaveLength(count)
    }
  })

  it('is tried again after a refusal, as after silence: a permission may be on its way', async () => {
    answers = [403, 'none', 500]
    const notifier = createNotifier({
      send: createSns({ topic: topicArn('t.fifo'), endpoint }),
      events: ['access-lost'],
      document: () => ({}),
      newId: () => 'one',
      log: silentLog,
      queueMax: 10,
      pauseMs: 1,
      tryMs: 300,
      giveUpMs: 60_000,
      closeMs: 60_000,
    })
    notifier.notify(aLoss())
    await notifier.close()
    expect(notifier.dropped()).toBe(0)
    expect(requests.map(({ fields }) => fields.get('MessageDeduplicationId'))).toEqual([
      'one',
      'one',
      'one',
      'one',
    ])
  })
})

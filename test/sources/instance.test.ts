// Instance metadata as IMDSv2 gives it: a token first, and nothing without. The real SDK asks.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { readInstanceIdentity } from '../../src/sources/instance-identity.ts'
import { readInstanceTag, splitGroups } from '../../src/sources/instance-tags.ts'

const token = 'AQAEALv2-token'
const identity = {
  accountId: '123456789012',
  instanceId: 'i-0abc',
  region: 'eu-west-1',
  availabilityZone: 'eu-west-1b',
  architecture: 'x86_64',
}
const state = {
  metadata: new Map<string, string>(),
  tags: new Map<string, string>(),
  asked: [] as string[],
  ec2: 'well' as 'well' | 'denied' | 'page' | 'other' | 'endless',
}

async function answer(request: IncomingMessage): Promise<readonly [number, string]> {
  const { method = '', url = '' } = request
  const body = await text(request)
  if (method === 'PUT' && url === '/latest/api/token')
    return request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined
      ? [400, 'no ttl']
      : [200, token]
  if (method === 'POST') {
    const query = new URLSearchParams(body)
    state.asked.push(`${query.get('Action') ?? ''} ${query.get('Filter.2.Value.1') ?? ''}`)
    if (state.ec2 === 'denied')
      return [
        403,
        '<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>',
      ]
    const value = state.tags.get(query.get('Filter.2.Value.1') ?? '')
    if (state.ec2 === 'page') return [200, '<html><body>sign in</body></html>']
    const owner = state.ec2 === 'other' ? 'i-0ff' : 'i-0abc'
    const item =
      value === undefined
        ? ''
        : `<item><resourceId>${owner}</resourceId><resourceType>instance</resourceType><key>${query.get('Filter.2.Value.1') ?? ''}</key><value>${value}</value></item>`
    const more = state.ec2 === 'endless' ? '<nextToken>more</nextToken>' : ''
    return [
      200,
      `<DescribeTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><tagSet>${more === '' ? item : ''}</tagSet>${more}</DescribeTagsResponse>`,
    ]
  }
  if (request.headers['x-aws-ec2-metadata-token'] !== token) return [401, 'no token']
  state.asked.push(url)
  const found = state.metadata.get(decodeURIComponent(url))
  return found === undefined ? [404, 'Not Found'] : [200, found]
}

const server = createServer((request, response) => {
  void answer(request).then(([code, body]) => response.writeHead(code).end(body))
})

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const url = `http://127.0.0.1:${port}`
  vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', url)
  vi.stubEnv('AWS_ENDPOINT_URL_EC2', url)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  state.metadata = new Map([
    ['/latest/dynamic/instance-identity/document', JSON.stringify(identity)],
    ['/latest/meta-data/placement/region', 'eu-west-1'],
    ['/latest/meta-data/instance-id', 'i-0abc'],
  ])
  state.tags = new Map()
  state.asked = []
  state.ec2 = 'well'
})
afterEach(() => {
  vi.unstubAllEnvs()
})
const ask = () => readInstanceTag('iamlogin:groups', new AbortController().signal)

describe('readInstanceIdentity', () => {
  it('names account, instance, region and zone', async () => {
    expect(await readInstanceIdentity()).toEqual({
      accountId: '123456789012',
      instanceId: 'i-0abc',
      region: 'eu-west-1',
      availabilityZone: 'eu-west-1b',
    })
  })

  it.each([
    [
      'nobody answers there',
      () => vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', 'http://127.0.0.1:1'),
    ],
    [
      'the document is another',
      () => state.metadata.set('/latest/dynamic/instance-identity/document', '{}'),
    ],
    [
      'a page is in its place',
      () => state.metadata.set('/latest/dynamic/instance-identity/document', '<html></html>'),
    ],
    [
      'its fields are none',
      () =>
        state.metadata.set(
          '/latest/dynamic/instance-identity/document',
          JSON.stringify({ ...identity, instanceId: '<html>' }),
        ),
    ],
    [
      'there is no document',
      () => {
        state.metadata.clear()
      },
    ],
  ])('knows nothing when %s', async (_what, prepare) => {
    prepare()
    expect(await readInstanceIdentity()).toBeUndefined()
  })
})

describe('readInstanceTag', () => {
  it('takes the tag from the metadata, and asks EC2 nothing', async () => {
    state.metadata.set('/latest/meta-data/tags/instance', 'Name\niamlogin:groups')
    state.metadata.set('/latest/meta-data/tags/instance/iamlogin:groups', 'developers, ops;ops')
    expect(await ask()).toEqual(['developers', 'ops'])
    expect(state.asked).toEqual([
      '/latest/meta-data/tags/instance',
      '/latest/meta-data/tags/instance/iamlogin%3Agroups',
    ])
  })

  it('asks EC2 where the metadata has no tags', async () => {
    state.tags.set('iamlogin:groups', 'developers')
    expect(await ask()).toEqual(['developers'])
    expect(state.asked.at(-1)).toBe('DescribeTags iamlogin:groups')
  })

  it('gives no groups when the instance has no such tag', async () => {
    expect(await ask()).toEqual([])
  })

  it('tells which permission is missing', async () => {
    state.ec2 = 'denied'
    await expect(ask()).rejects.toMatchObject({
      code: 'source_denied',
      hint: expect.stringContaining('ec2:DescribeTags') as string,
    })
  })

  it.each([
    ['a page', '<html><body>sign in</body></html>'],
    ['an empty body', ''],
    ['a word, which could be a group', 'OK'],
  ])('asks EC2 when the metadata answers with %s to everything', async (_what, page) => {
    state.metadata.set('/latest/meta-data/tags/instance', page)
    state.metadata.set('/latest/meta-data/tags/instance/iamlogin:groups', page)
    state.tags.set('iamlogin:groups', 'developers')
    expect(await ask()).toEqual(['developers'])
  })

  it('takes an empty value when the metadata lists the tag', async () => {
    state.metadata.set('/latest/meta-data/tags/instance/iamlogin:groups', '')
    state.metadata.set('/latest/meta-data/tags/instance', 'Name\niamlogin:groups')
    state.ec2 = 'denied'
    expect(await ask()).toEqual([])
  })

  it.each(['page', 'other', 'endless'] as const)(
    'fails when EC2 answers with another document: %s',
    async (ec2) => {
      state.tags.set('iamlogin:groups', 'developers')
      state.ec2 = ec2
      await expect(ask()).rejects.toMatchObject({ code: 'source_foreign_answer' })
    },
  )

  it('fails when the metadata’s region is a page', async () => {
    state.metadata.set('/latest/meta-data/placement/region', '<html></html>')
    await expect(ask()).rejects.toMatchObject({ code: 'source_foreign_answer' })
  })

  it('fails when the value is no list of groups', async () => {
    state.tags.set('iamlogin:groups', 'developers; $(reboot)')
    await expect(ask()).rejects.toMatchObject({ code: 'source_malformed' })
  })

  it('says what to do off EC2', async () => {
    vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', 'http://127.0.0.1:1')
    await expect(ask()).rejects.toMatchObject({
      hint: expect.stringContaining('access.groups') as string,
    })
  })
})

describe('splitGroups', () => {
  it.each([
    ['developers', ['developers']],
    [' developers,ops ; qa\tops', ['developers', 'ops', 'qa']],
    [' , ', []],
  ])('splits %j', (value, groups) => {
    expect(splitGroups(value)).toEqual(groups)
  })
})

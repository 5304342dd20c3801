// The host's own credentials, over the real SDK: what answers in the place of STS, of the instance
// metadata or of a container's provider is no answer, whichever client asked.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSns } from '../../src/notify/sns.ts'
import { hostCredentials } from '../../src/sources/host-credentials.ts'
import { createIamSource } from '../../src/sources/iam.ts'
import { readInstanceTag } from '../../src/sources/instance-tags.ts'
import { aLoss } from '../support/audit.ts'

const { signal } = new AbortController()
const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
const tokenFile = join(folder, 'token')
const role = 'arn:aws:iam::123456789012:role/iamlogin'
const signIn = '<html xmlns="http://www.w3.org/1999/xhtml"><body>sign in</body></html>'
const metadata: Readonly<Record<string, string>> = {
  '/latest/meta-data/placement/region': 'eu-west-1',
  '/latest/meta-data/instance-id': 'i-0abc',
  '/latest/meta-data/iam/security-credentials/': 'web',
}
/** What STS, the container's provider and the metadata's credentials answer. */
let foreign: readonly [status: number, body: string] = [200, '']

const server = createServer(({ method, url = '' }, response) => {
  const known = method === 'PUT' ? 'token' : method === 'GET' ? metadata[url] : undefined
  // Where the tags are asked for, there are none.
  const isTag = url.startsWith('/latest/meta-data/tags/')
  const [status, body] = known !== undefined ? [200, known] : isTag ? [404, ''] : foreign
  response.writeHead(status).end(body)
})
let url = ''
beforeAll(async () => {
  writeFileSync(tokenFile, 'token')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
  vi.stubEnv('AWS_EC2_METADATA_SERVICE_ENDPOINT', url)
  vi.stubEnv('AWS_REGION', 'eu-west-1')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const sts = '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'

describe('the STS of a web identity', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', tokenFile)
    vi.stubEnv('AWS_ROLE_ARN', role)
    vi.stubEnv('AWS_ENDPOINT_URL_STS', url)
  })
  const iam = (assumeRole?: string) => async () => {
    const source = createIamSource({
      endpoint: url,
      ...(assumeRole === undefined ? {} : { assumeRole }),
      keyTags: false,
      userTags: false,
      mfa: false,
      bodies: new Map(),
    })
    await source.fetchDirectory({ groups: ['developers'] }, signal).finally(source.close)
  }
  const clients = [
    { client: 'IAM', ask: iam() },
    { client: 'STS, for assume_role,', ask: iam(role) },
    { client: 'EC2', ask: () => readInstanceTag('iamlogin:groups', signal) },
    {
      client: 'SNS',
      ask: () =>
        createSns({ topic: 'arn:aws:sns:eu-west-1:123456789012:t', endpoint: url })(
          { id: '1', event: aLoss(), body: '{}' },
          signal,
        ),
    },
  ]
  const answers = [
    { what: 'a page', status: 200, body: signIn },
    { what: 'nothing', status: 200, body: '' },
    { what: 'JSON', status: 200, body: '{"ok":true}' },
    { what: 'a redirect', status: 302, body: signIn },
    { what: 'no credentials', status: 200, body: `${sts}</AssumeRoleWithWebIdentityResponse>` },
  ]
  const cases = clients.flatMap((client) => answers.map((each) => ({ ...client, ...each })))
  it.each(cases)('of $client answers with $what: no answer', async ({ ask, status, body }) => {
    foreign = [status, body]
    await expect(ask()).rejects.toMatchObject({
      code: expect.stringMatching(/foreign/) as string,
      message: expect.stringContaining('no answer of sts:AssumeRoleWithWebIdentity: ') as string,
      hint: expect.stringContaining('captive portal') as string,
    })
  })
})

describe.each([
  ['the instance metadata', undefined],
  ['the provider of a container', '/container'],
])('%s', (_what, path) => {
  it.each([
    ['a page', signIn],
    ['nothing', ''],
  ])('that answers with %s is no answer', async (_body, body) => {
    if (path !== undefined) vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${url}${path}`)
    foreign = [200, body]
    await expect(hostCredentials()()).rejects.toMatchObject({
      code: 'answer_foreign',
      message: expect.stringContaining('its credentials cannot be read') as string,
    })
  })

  it('gives its credentials', async () => {
    if (path !== undefined) vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `${url}${path}`)
    const keys = { AccessKeyId: 'ASIA1', SecretAccessKey: 's', Token: 't' }
    foreign = [
      200,
      JSON.stringify({ Code: 'Success', ...keys, Expiration: '2099-01-01T00:00:00Z' }),
    ]
    expect(await hostCredentials()()).toMatchObject({ accessKeyId: 'ASIA1' })
  })
})

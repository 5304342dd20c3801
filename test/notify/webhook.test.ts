// The webhook against a receiver that checks what docs/notify.md says a receiver should.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { toEcs } from '../../src/audit/ecs.ts'
import { ConfigError } from '../../src/errors.ts'
import { createNotifier, type Notifier, type Send } from '../../src/notify/notifier.ts'
import { createWebhook, readSecret, signatureOf } from '../../src/notify/webhook.ts'
import { silentLog } from '../../src/platform/log.ts'
import { aHost, aLoss } from '../support/audit.ts'

const secret = 'correct horse battery staple'
const now = 1_700_000_000_999

type Request = {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
type Answer = { readonly status: number; readonly location?: string } | 'none'

let server: Server
let url = ''
let requests: Request[] = []
/** What comes of the next requests; 204 after them. */
let answers: Answer[] = []

beforeEach(async () => {
  requests = []
  answers = []
  server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({ path: request.url ?? '', headers: request.headers, body })
      const answer = answers.shift() ?? { status: 204 }
      if (answer === 'none') return
      response.writeHead(
        answer.status,
        answer.location === undefined ? {} : { location: answer.location },
      )
      response.end(answer.status === 204 ? undefined : 'a body that nobody reads')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/hook?team=ops`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})

function aNotifier(
  deps: { readonly secret?: string; readonly tryMs?: number; readonly send?: Send } = {},
): Notifier {
  let ids = 0
  return createNotifier({
    send:
      deps.send ??
      createWebhook({ url, secret: deps.secret ?? secret, version: '1.2.3', now: () => now }),
    events: ['access-lost'],
    document: (event) => toEcs(event, aHost),
    newId: () => `id-${++ids}`,
    log: silentLog,
    queueMax: 10,
    pauseMs: 1,
    tryMs: deps.tryMs ?? 5_000,
    giveUpMs: 60_000,
    closeMs: 60_000,
  })
}

async function send(notifier = aNotifier()): Promise<Notifier> {
  notifier.notify(aLoss())
  await notifier.close()
  return notifier
}

/** A receiver's own check, by the rule of docs/notify.md alone. */
function isGenuine({ headers, body }: Request, key: string): boolean {
  const of = (name: string): string => String(headers[name])
  const signed = `${of('iamlogin-timestamp')}.${of('iamlogin-delivery')}.${body}`
  const expected = Buffer.from(`v1=${createHmac('sha256', key).update(signed).digest('hex')}`)
  const given = Buffer.from(of('iamlogin-signature'))
  return given.length === expected.length && timingSafeEqual(given, expected)
}

describe('createWebhook', () => {
  it('posts the event as JSON, with what a receiver needs to sort and check it', async () => {
    await send()
    expect(requests).toMatchObject([
      {
        path: '/hook?team=ops',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'iamlogin/1.2.3',
          'iamlogin-event': 'access-lost',
          'iamlogin-delivery': 'id-1',
          'iamlogin-timestamp': '1700000000',
        },
      },
    ])
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual(
      JSON.parse(JSON.stringify(toEcs(aLoss(), aHost))),
    )
  })

  it('signs so that the receiver can tell it is genuine, and anything changed is not', async () => {
    await send()
    const [request] = requests
    if (request === undefined) throw new Error('no request')
    expect(isGenuine(request, secret)).toBe(true)
    expect(isGenuine(request, `${secret}r`)).toBe(false)
    expect(isGenuine({ ...request, body: `${request.body} ` }, secret)).toBe(false)
    for (const name of ['iamlogin-timestamp', 'iamlogin-delivery']) {
      const headers = { ...request.headers, [name]: '1700000001' }
      expect(isGenuine({ ...request, headers }, secret)).toBe(false)
    }
  })

  it('does not sign without a secret', async () => {
    await send(aNotifier({ secret: '' }))
    expect(requests[0]?.headers).not.toHaveProperty('iamlogin-signature')
  })

  it.each([500, 502, 503, 429, 408])(
    'tries again after %i, the same delivery, until it is taken',
    async (status) => {
      answers = [{ status }, { status }, { status: 200 }]
      expect((await send()).dropped()).toBe(0)
      expect(requests.map(({ headers }) => headers['iamlogin-delivery'])).toEqual([
        'id-1',
        'id-1',
        'id-1',
      ])
      expect(new Set(requests.map(({ body }) => body)).size).toBe(1)
      expect(requests.every((request) => isGenuine(request, secret))).toBe(true)
    },
  )

  it.each([400, 401, 403, 404, 410, 413])('gives up at once after %i', async (status) => {
    answers = [{ status }]
    expect((await send()).dropped()).toBe(1)
    expect(requests).toHaveLength(1)
  })

  it.each([301, 302, 303, 307, 308])('follows no redirect (%i)', async (status) => {
    answers = [{ status, location: '/elsewhere' }]
    expect((await send()).dropped()).toBe(1)
    expect(requests.map(({ path }) => path)).toEqual(['/hook?team=ops'])
  })

  it('ends a request that is not answered, and tries again', async () => {
    answers = ['none', 'none']
    expect((await send(aNotifier({ tryMs: 50 }))).dropped()).toBe(0)
    expect(requests).toHaveLength(3)
  })

  it('tries again while nobody listens', async () => {
    const { port } = new URL(url)
    await new Promise((closed) => server.close(closed))
    const webhook = createWebhook({ url, secret, version: '1', now: () => now })
    let failures = 0
    const notifier = aNotifier({
      send: (delivery, signal) =>
        webhook(delivery, signal).catch((error: unknown) => {
          failures++
          throw error
        }),
    })
    notifier.notify(aLoss())
    await vi.waitFor(() => {
      expect(failures).toBeGreaterThan(0)
    })
    await new Promise<void>((listening) => server.listen(Number(port), '127.0.0.1', listening))
    await notifier.close()
    expect(notifier.dropped()).toBe(0)
    expect(requests).toHaveLength(1)
  })

  it('does not tell the path of the URL in the log: with some receivers it is the secret', async () => {
    answers = [{ status: 404 }]
    const webhook = createWebhook({ url, secret, version: '1', now: () => now })
    const delivery = { id: 'id', event: aLoss(), body: '{}' }
    await expect(webhook(delivery, new AbortController().signal)).rejects.toThrow(
      `POST ${new URL(url).origin}: 404`,
    )
  })
})

describe('signatureOf', () => {
  it('is what the documented example says', () => {
    // printf '1700000000.id-1.{}' | openssl dgst -sha256 -hmac secret
    expect(signatureOf('secret', { timestamp: '1700000000', id: 'id-1', body: '{}' })).toBe(
      'v1=47cb51a3b1dfcc307eca924dc8be9c349267f5b598385262c3296f48ff8abbaa',
    )
  })

  it('differs whenever secret, time, delivery or body differ', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/)
    const parts = fc.record({ secret: part, timestamp: part, id: part, body: part })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b)
        expect(signatureOf(a.secret, a) === signatureOf(b.secret, b)).toBe(same)
      }),
    )
  })
})

describe('readSecret', () => {
  let folder = ''
  const path = (): string => join(folder, 'secret')
  const put = (content: string, mode = 0o640): void => {
    writeFileSync(path(), content)
    chmodSync(path(), mode)
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it.each([
    ['s3cret', 's3cret'],
    ['s3cret\n', 's3cret'],
    ['s3cret\r\n', 's3cret'],
    ['two\nlines\n\n', 'two\nlines\n'],
    [' spaces ', ' spaces '],
  ])('of %j is %j', (content, expected) => {
    put(content)
    expect(readSecret(path())).toBe(expected)
  })

  it.each([
    ['that is not there', () => undefined, 'cannot be read', 'user iamlogin'],
    [
      'that is empty',
      () => {
        put('')
      },
      'is empty',
      'openssl rand',
    ],
    [
      'of one newline',
      () => {
        put('\n')
      },
      'is empty',
      'openssl rand',
    ],
    [
      'that others may read',
      () => {
        put('s3cret', 0o644)
      },
      'others may read or write it',
      'chmod 640',
    ],
    [
      'that others may write',
      () => {
        put('s3cret', 0o642)
      },
      'others may read or write it',
      'chmod 640',
    ],
  ])('refuses a file %s, and says what to do', (_what, make, message, hint) => {
    make()
    let thrown: unknown
    try {
      readSecret(path())
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(ConfigError)
    expect(thrown).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    })
  })
})

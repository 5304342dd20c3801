// The command line against whatever listens on control.sock.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createAsk, Refused } from '../../src/cli/resolver-client.ts'
import { ResolverError } from '../../src/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-client-'))
let servers = 0
const schema = z.object({ users: z.number() })
afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function asked(answer: RequestListener): Promise<unknown> {
  // One each: the client keeps connections.
  const socket = join(folder, `${servers++}.sock`)
  const server = createServer(answer).listen(socket)
  await once(server, 'listening')
  try {
    return await createAsk(socket)(schema, '/status').catch((error: unknown) => error)
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

describe('createAsk', () => {
  it('decodes an answer, and tells a refusal with its hint', async () => {
    expect(await asked((_, answer) => answer.end('{"users":3}'))).toEqual({ users: 3 })
    const refused = await asked((_, answer) => {
      answer.writeHead(404).end('{"error":{"code":"x","message":"no user","hint":"h"}}')
    })
    expect(refused).toBeInstanceOf(Refused)
    expect(refused).toMatchObject({ message: 'no user', hint: 'h' })
  })

  it.each([
    [404, Refused],
    [409, Refused],
    [503, Refused],
    [500, ResolverError],
  ])('takes HTTP %i for a resolver that says no, or for none: %o', async (code, kind) => {
    const said = await asked((_, answer) => {
      answer.writeHead(code).end('{"error":{"code":"x","message":"m","hint":"h"}}')
    })
    expect(said).toBeInstanceOf(kind)
  })

  it.each(['no JSON', '{"users":"many"}', ''])('takes no answer such as %j', async (body) => {
    const error = await asked((_, answer) => answer.end(body))
    expect(error).toBeInstanceOf(ResolverError)
    expect(String(error)).toContain("the answer is not the resolver's")
  })

  it('ends an answer that does not end', async () => {
    const part = Buffer.alloc(1024 * 1024, 'x')
    const error = await asked((_, answer) => {
      const more = (): void => {
        while (answer.write(part));
        answer.once('drain', more)
      }
      more()
    })
    expect(error).toBeInstanceOf(ResolverError)
    expect(String(error)).toContain('an answer of more than 67108864 bytes')
  })

  const impatient = { probeAfterMs: 20, probeMs: 200, listenerOf: () => undefined }

  it('waits for an answer that takes its time while the resolver answers others', async () => {
    const socket = join(folder, `${servers++}.sock`)
    const held: ServerResponse[] = []
    const server = createServer((question, answer) => {
      if (question.url === '/slow') held.push(answer)
      else {
        answer.end('{}')
        // By then the one who asks has seen the answer, or will not.
        setTimeout(() => held.map((each) => each.end('{"users":3}')), 2 * impatient.probeMs)
      }
    }).listen(socket)
    await once(server, 'listening')
    expect(await createAsk(socket, impatient)(schema, '/slow')).toEqual({ users: 3 })
    server.close()
  })

  it.each([
    [{ pid: 7, isStopped: false }, 'the resolver (pid 7) does not answer', /^systemctl restart/],
    [{ pid: 7, isStopped: true }, 'the resolver (pid 7) is stopped by', /^kill -CONT 7, or sys/],
    [undefined, 'the resolver does not answer', /^systemctl restart/],
  ])('says that a resolver hangs, and what is known of it: %o', async (listener, said, hint) => {
    const socket = join(folder, `${servers++}.sock`)
    const server = createServer(() => undefined).listen(socket)
    await once(server, 'listening')
    const ask = createAsk(socket, { ...impatient, listenerOf: () => listener })
    await expect(ask(schema, '/status')).rejects.toMatchObject({
      code: 'resolver_unreachable',
      message: expect.stringContaining(said) as string,
      hint: expect.stringMatching(hint) as string,
    })
    server.closeAllConnections()
    server.close()
  })

  it('says what to do when nothing listens', async () => {
    await expect(createAsk(join(folder, 'none'))(schema, '/')).rejects.toMatchObject({
      code: 'resolver_unreachable',
      hint: 'is it running? systemctl status iamlogind',
    })
  })
})

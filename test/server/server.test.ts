// The resolver's server on a real socket: any bytes, many peers, and who may ask what.
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/platform/log.ts'
import { systemClock, type Clock } from '../../src/platform/clock.ts'
import { mayAsk } from '../../src/server/authorize.ts'
import { ping as askIfAlive } from '../../src/server/ping.ts'
import { startServer, type ResolverServer } from '../../src/server/server.ts'
import { encodePending, encodeRequest, encodeSuccess } from '../../src/wire/codec.ts'
import { op, status } from '../../src/wire/protocol.ts'
import { aClock } from '../support/builders.ts'

let folder = ''
let server: ResolverServer | undefined
let peer = { pid: 1, uid: 1000, gid: 1000 }
const path = (): string => join(folder, 'resolver.sock')
const ping = encodeRequest({ op: op.PING })
const pong = encodeSuccess(op.PING, { kind: 'version', version: 'test' }, false)

const start = (
  clock: Clock = systemClock,
  slow = (): Promise<Buffer> => Promise.resolve(pong),
): Promise<ResolverServer> =>
  startServer({
    path: path(),
    clock,
    log: silentLog,
    ownUid: 900,
    peerCredentials: () => peer,
    onRequest: () => undefined,
    handle: (request) => {
      if (request.op === op.PASSWD_BY_UID) throw new Error('a mistake of ours')
      if (request.op === op.GROUP_BY_GID) return Promise.resolve(pong)
      if (request.op === op.AUTHORIZED_KEYS && request.user === 'slow') return slow()
      if (request.op === op.PASSWD_BY_NAME && request.name === 'slow') return slow()
      return pong
    },
  })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  peer = { pid: 1, uid: 1000, gid: 1000 }
  server = await start()
})
afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

/** Sends bytes, gives what comes back until `length` bytes are there or the server closes. */
function exchange(bytes: Uint8Array, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path())
    let answer = Buffer.alloc(0)
    const done = (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length >= length) done()
    })
    socket.on('close', done)
    socket.on('error', (error) => {
      if ('code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET')) done()
      else reject(error)
    })
    socket.write(bytes)
  })
}

describe('startServer', () => {
  it('answers', async () => {
    expect(await exchange(ping, pong.length)).toEqual(pong)
  })

  it('answers in turn what comes in one piece, promises among it', async () => {
    const slow = encodeRequest({ op: op.GROUP_BY_GID, id: 1 })
    const wanted = Buffer.concat([pong, pong, pong])
    expect(await exchange(Buffer.concat([ping, slow, ping]), wanted.length)).toEqual(wanted)
  })

  it('survives bytes of any kind and goes on answering', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 400 }),
      // A sound length and version, so that the fuzz reaches the payloads.
      fc
        .tuple(fc.constantFrom(...Object.values(op)), fc.uint8Array({ maxLength: 200 }))
        .map(([code, payload]) => {
          const head = Buffer.from([0, 0, 0, 0, 1, code, 0, 0])
          head.writeUInt32LE(payload.length + 4)
          return Buffer.concat([head, payload])
        }),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (frame) => {
        const socket = connect(path())
        socket.on('error', () => undefined)
        socket.end(frame)
        expect(await exchange(ping, pong.length)).toEqual(pong)
        socket.destroy()
      }),
      { numRuns: 500 },
    )
  })

  it('says what is wrong with a bad frame, then closes', async () => {
    const answer = await exchange(Buffer.from([6, 0, 0, 0, 1, op.PING, 0, 0, 1, 1]), 10_000)
    expect(answer[6]).toBe(status.BAD_REQUEST)
    expect(answer.toString()).toContain('bytes are left')
  })

  it('turns a mistake of ours into "cannot say"', async () => {
    const answer = await exchange(encodeRequest({ op: op.PASSWD_BY_UID, id: 1 }), 12)
    expect(answer[6]).toBe(status.UNAVAIL)
  })

  it('tells keys and sessions to the right peers alone', async () => {
    const keys = encodeRequest({
      op: op.AUTHORIZED_KEYS,
      user: 'alice',
      uid: 1,
      keyType: '',
      keyBlob: '',
    })
    expect((await exchange(keys, 12))[6]).toBe(status.DENIED)
    peer = { pid: 1, uid: 900, gid: 900 }
    expect((await exchange(keys, 12))[6]).toBe(status.SUCCESS)
  })

  it('lets no uid take all places from the others', async () => {
    const idle = Array.from({ length: 600 }, () => connect(path()).on('error', () => undefined))
    await Promise.all(
      idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    )
    await expect.poll(() => server?.connections()).toBe(256)
    expect(await exchange(ping, pong.length)).toHaveLength(0)
    peer = { pid: 2, uid: 1001, gid: 1001 }
    expect(await exchange(ping, pong.length)).toEqual(pong)
    for (const socket of idle) socket.destroy()
  })

  it('shows life to sshd and PAM while an answer is made, and to nobody else', async () => {
    await server?.close()
    const clock = aClock()
    const waiting = new Set<() => void>()
    const after: Clock['after'] = (ms, callback) => {
      const cancel = clock.after(ms, () => {
        waiting.delete(callback)
        callback()
      })
      waiting.add(callback)
      return () => {
        waiting.delete(callback)
        cancel()
      }
    }
    const answers: PromiseWithResolvers<Buffer>[] = []
    server = await start({ ...clock, after }, () => {
      const answer = Promise.withResolvers<Buffer>()
      answers.push(answer)
      return answer.promise
    })
    peer = { pid: 1, uid: 0, gid: 0 }
    const asked = { user: 'slow', uid: 1, keyType: '', keyBlob: '' }
    const sign = encodePending(op.AUTHORIZED_KEYS)
    const wanted = Buffer.concat([sign, sign, pong])
    const keys = exchange(encodeRequest({ op: op.AUTHORIZED_KEYS, ...asked }), wanted.length)
    const name = exchange(encodeRequest({ op: op.PASSWD_BY_NAME, name: 'slow' }), pong.length)
    await expect.poll(() => answers.length).toBe(2)
    await clock.advance(200)
    // The first must have left before the next: what a peer does not read is not heaped up.
    await new Promise(setImmediate)
    await clock.advance(200)
    for (const answer of answers) answer.resolve(pong)
    expect(await keys).toEqual(wanted)
    expect(await name).toEqual(pong)
    expect(waiting.size).toBe(0)
  })

  it('is heard of by ping while it answers, and only then', async () => {
    await expect(askIfAlive(path(), 5_000)).resolves.toBeUndefined()
    await server?.close()
    await expect(askIfAlive(path(), 5_000)).rejects.toMatchObject({ code: 'resolver_unreachable' })
    const mute = createServer().listen(path())
    await once(mute, 'listening')
    await expect(askIfAlive(path(), 50)).rejects.toMatchObject({ code: 'resolver_unreachable' })
    mute.close()
    server = await start()
  })

  it('does not start beside another resolver, and replaces a dead one', async () => {
    await expect(start()).rejects.toMatchObject({ code: 'resolver_socket' })
    await server?.close()
    server = await start()
    expect(await exchange(ping, pong.length)).toEqual(pong)
  })
})

describe('mayAsk', () => {
  it.each([
    [op.PASSWD_BY_NAME, 1000, true],
    [op.AUTHORIZED_KEYS, 1000, false],
    [op.AUTHORIZED_KEYS, 900, true],
    [op.AUTHORIZED_KEYS, 0, true],
    [op.ACCOUNT, 900, false],
    [op.ACCOUNT, 0, true],
    [op.SESSION_OPEN, 1000, false],
  ])('of opcode %i by uid %i is %s', (code, uid, allowed) => {
    expect(mayAsk(code, { pid: 1, uid, gid: uid }, 900)).toBe(allowed)
  })
})

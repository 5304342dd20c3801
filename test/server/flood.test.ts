// One uid asks all it can: what others get meanwhile. Counts and order, never seconds.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import { startServer, type ResolverServer } from '../../src/server/server.ts'
import { encodeRequest, encodeSuccess } from '../../src/wire/codec.ts'
import { op } from '../../src/wire/protocol.ts'

const ownUid = 900
const page = encodeRequest({ op: op.PASSWD_LIST, generation: 0n, offset: 0 })
const keys = encodeRequest({
  op: op.AUTHORIZED_KEYS,
  user: 'alice',
  uid: 1,
  keyType: '',
  keyBlob: '',
})
const numbered = (id: number): Buffer => encodeRequest({ op: op.GROUP_BY_GID, id })
const reply = (text: string): Buffer =>
  encodeSuccess(op.PING, { kind: 'version', version: text }, false)
const large = reply('x'.repeat(60_000))

let folder = ''
let server: ResolverServer
let sockets: Socket[] = []
let uid = 0
/** Opcodes in the order in which they were answered. */
let answered: number[] = []
const path = (): string => join(folder, 'resolver.sock')
const pagesAnswered = (): number => answered.filter((code) => code === op.PASSWD_LIST).length

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  answered = []
  sockets = []
  server = await startServer({
    path: path(),
    clock: systemClock,
    log: silentLog,
    ownUid,
    peerCredentials: () => ({ pid: 1, uid, gid: uid }),
    onRequest: (code) => answered.push(code),
    handle: (request) => {
      if (request.op === op.GROUP_BY_GID) return reply(`${request.id};`)
      if (request.op === op.INITGROUPS) return large
      return request.op === op.AUTHORIZED_KEYS ? Promise.resolve(reply('keys')) : reply('page')
    },
  })
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await server.close()
  rmSync(folder, { recursive: true })
})

/** Connections of a uid that the server has accepted. */
async function connections(of: number, count: number): Promise<readonly Socket[]> {
  uid = of
  const wanted = server.connections() + count
  const added = Array.from({ length: count }, () => connect(path()).on('error', () => undefined))
  sockets.push(...added)
  await expect.poll(() => server.connections(), { interval: 1 }).toBe(wanted)
  return added
}

/** All that a connection receives until it is `length` bytes. */
function received(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let size = 0
    const done = (): void => {
      resolve(Buffer.concat(parts))
    }
    socket.on('data', (part: Buffer) => {
      parts.push(part)
      size += part.length
      if (size >= length) done()
    })
    socket.once('close', done)
  })
}

describe('a flood of one uid', () => {
  const frames = 60
  const flood = Buffer.concat(Array.from({ length: frames }, () => page))

  it('does not keep the key command waiting, which asked last', async () => {
    const strangers = await connections(1000, 200)
    const [own] = await connections(ownUid, 1)
    for (const socket of strangers) {
      socket.resume()
      socket.write(flood)
    }
    own?.write(keys)
    if (own !== undefined) await received(own, reply('keys').length)
    expect(answered).toContain(op.AUTHORIZED_KEYS)
    expect(pagesAnswered()).toBeLessThan((200 * frames) / 4)
    // And each of the flood's own questions is answered in the end.
    await expect.poll(pagesAnswered, { timeout: 20_000 }).toBe(200 * frames)
  })

  it('does not keep another uid waiting either', async () => {
    const strangers = await connections(1000, 200)
    const [other] = await connections(1001, 1)
    for (const socket of strangers) {
      socket.resume()
      socket.write(flood)
    }
    other?.write(numbered(7))
    if (other !== undefined) await received(other, reply('7;').length)
    expect(answered).toContain(op.GROUP_BY_GID)
    expect(pagesAnswered()).toBeLessThan((200 * frames) / 4)
  })
})

describe('one connection of a stranger', () => {
  it('is answered in order, however much it sends before it reads', async () => {
    const [socket] = await connections(1000, 1)
    const wanted = Buffer.concat(Array.from({ length: 300 }, (_, id) => reply(`${id};`)))
    if (socket === undefined) return
    const got = received(socket, wanted.length)
    for (let id = 0; id < 300; id += 60) {
      socket.write(Buffer.concat(Array.from({ length: 60 }, (_, index) => numbered(id + index))))
      // Each write is a piece of its own: more than 64 frames in one end the connection.
      await expect.poll(() => answered.length, { interval: 1 }).toBe(id + 60)
    }
    expect(await got).toEqual(wanted)
  })

  it('holds one answer, not all, while its peer does not read', async () => {
    const [deaf] = await connections(1000, 1)
    if (deaf === undefined) return
    deaf.pause()
    const ask = encodeRequest({ op: op.INITGROUPS, name: 'alice' })
    deaf.write(Buffer.concat(Array.from({ length: 60 }, () => ask)))
    const [other] = await connections(1001, 1)
    for (let id = 0; id < 100; id++) {
      other?.write(numbered(id))
      await expect
        .poll(() => answered.filter((code) => code === op.GROUP_BY_GID).length, { interval: 1 })
        .toBe(id + 1)
    }
    expect(answered.filter((code) => code === op.INITGROUPS).length).toBeLessThan(30)
    const all = received(deaf, 60 * large.length)
    deaf.resume()
    expect(await all).toHaveLength(60 * large.length)
  })
})

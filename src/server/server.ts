// resolver.sock: accepts, bounds, times and answers. Nothing that a peer sends ends or blocks it.
import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { FormatError, ResolverError } from '../errors.ts'
import type { Addon } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { descriptorOf } from '../platform/peer.ts'
import { decodeRequest, encodeFailure } from '../wire/codec.ts'
import { createFrameSplitter } from '../wire/frames.ts'
import { status } from '../wire/protocol.ts'
import { mayAsk } from './authorize.ts'
import type { Handler } from './handlers.ts'

export type ResolverServer = {
  readonly connections: () => number
  readonly close: () => Promise<void>
}

export type ServerDeps = {
  readonly path: string
  readonly handle: Handler
  readonly peerCredentials: Addon['peerCredentials']
  readonly ownUid: number
  readonly clock: Clock
  readonly log: Log
  readonly onRequest: (code: number, state: number) => void
}

const backlog = 1024
const connectionsMax = 1024
/** Of one uid, root's and our own aside: nobody takes all places from the others. */
const connectionsOfOneMax = 256
/** A peer that sends nothing, or does not read, is gone after this. */
const idleMs = 10_000
/** Frames of one connection that wait for their turn. */
const queueMax = 64

/** A socket file that nobody listens on is a leftover; one that answers is another resolver. */
export async function removeStaleSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => {
      resolve(false)
    })
  })
  if (alive)
    throw new ResolverError(
      'resolver_socket',
      `listening on ${path}: another resolver answers there`,
      {
        hint: 'stop it first: systemctl stop iamlogind',
      },
    )
  rmSync(path, { force: true })
}

type PeerBook = {
  /** False when the peer's uid has all the places it may have. */
  readonly enter: (uid: number, socket: Socket) => boolean
}

function createPeerBook(ownUid: number): PeerBook {
  const places = new Map<number, number>()
  return {
    enter: (uid, socket) => {
      const taken = places.get(uid) ?? 0
      if (uid !== 0 && uid !== ownUid && taken >= connectionsOfOneMax) return false
      places.set(uid, taken + 1)
      socket.once('close', () => {
        const left = (places.get(uid) ?? 1) - 1
        if (left === 0) places.delete(uid)
        else places.set(uid, left)
      })
      return true
    },
  }
}

function serve(socket: Socket, book: PeerBook, deps: ServerDeps): void {
  const fd = descriptorOf(socket)
  if (fd === undefined) {
    socket.destroy()
    return
  }
  const peer = deps.peerCredentials(fd)
  if (!book.enter(peer.uid, socket)) {
    socket.destroy()
    return
  }
  const splitter = createFrameSplitter()
  const queue: Buffer[] = []
  let busy = false
  let ending = false

  const refuse = (code: number, reason: string): void => {
    ending = true
    deps.onRequest(code, status.BAD_REQUEST)
    socket.end(encodeFailure(code, status.BAD_REQUEST, reason))
  }

  const reply = (code: number, frame: Buffer): void => {
    deps.onRequest(code, frame[6] ?? 0)
    // A reader that is slower than its own requests is dropped rather than buffered for.
    if (!socket.write(frame) && socket.writableLength > 8 * 1024 * 1024) socket.destroy()
  }

  const answerOne = (body: Buffer): Promise<void> | undefined => {
    const request = decodeRequest(body)
    if (!mayAsk(request.op, peer, deps.ownUid)) {
      reply(
        request.op,
        encodeFailure(request.op, status.DENIED, `uid ${peer.uid} may not ask that`),
      )
      return undefined
    }
    const answer = deps.handle(request)
    if (answer instanceof Promise)
      return answer.then((frame) => {
        reply(request.op, frame)
      })
    reply(request.op, answer)
    return undefined
  }

  const failed = (body: Buffer, error: unknown): void => {
    const code = body[1] ?? 0
    if (error instanceof FormatError) {
      refuse(code, error.message)
      return
    }
    deps.log.error({ err: error, op: code }, 'answering a request failed')
    reply(code, encodeFailure(code, status.UNAVAIL, 'internal error'))
  }

  /** Hits leave in the same turn of the event loop; a pending answer stops the queue. */
  const drain = (): void => {
    while (!busy && !ending) {
      const body = queue.shift()
      if (body === undefined) return
      try {
        const waiting = answerOne(body)
        if (waiting === undefined) continue
        busy = true
        waiting
          .catch((error: unknown) => {
            failed(body, error)
          })
          .finally(() => {
            busy = false
            drain()
          })
      } catch (error) {
        failed(body, error)
      }
    }
  }

  socket.on('data', (chunk) => {
    if (ending) return
    try {
      queue.push(...splitter.push(chunk))
    } catch (error) {
      refuse(0, error instanceof Error ? error.message : 'bad frame')
      return
    }
    if (queue.length > queueMax) socket.destroy()
    else drain()
  })
}

/**
 * Listens on `path`, mode 0666: everyone may ask for names.
 * @throws {ResolverError} when another resolver listens there.
 */
export async function startServer(deps: ServerDeps): Promise<ResolverServer> {
  await removeStaleSocket(deps.path)
  const sockets = new Set<Socket>()
  const book = createPeerBook(deps.ownUid)
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket)
    // Frames are bounded, so a peer that drips bytes holds a few kilobytes and one of many places.
    socket.setTimeout(idleMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
    })
    try {
      serve(socket, book, deps)
    } catch (error) {
      deps.log.warn({ err: error }, 'a connection was refused')
      socket.destroy()
    }
  })
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new ResolverError('resolver_socket', `listening on ${deps.path}: ${error.message}`, {
          hint: 'the directory must exist and belong to the user iamlogin',
          cause: error,
        }),
      )
    })
    server.listen({ path: deps.path, backlog }, resolve)
  })
  chmodSync(deps.path, 0o666)
  return {
    connections: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => {
          resolve()
        })
      }),
  }
}

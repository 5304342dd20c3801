// resolver.sock: accepts, bounds, times and answers. Nothing that a peer sends ends or blocks it.
import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { ResolverError } from '../errors.ts'
import type { Addon } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { descriptorOf } from '../platform/peer.ts'
import { serveConnection, type ConnectionDeps } from './connection.ts'
import type { Handler } from './handlers.ts'
import { createFairQueue } from './fair-queue.ts'
import { createLimits, connectionsMax } from './limits.ts'

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
/** A peer that sends nothing, or does not read, is gone after this. */
const idleMs = 10_000

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

/** Serves one connection of a peer that has a place. */
function serve(socket: Socket, deps: ConnectionDeps & Pick<ServerDeps, 'peerCredentials'>): void {
  const fd = descriptorOf(socket)
  const peer = fd === undefined ? undefined : deps.peerCredentials(fd)
  const leave = peer === undefined ? undefined : deps.limits.enter(peer.uid)
  if (peer === undefined || leave === undefined) {
    socket.destroy()
    return
  }
  socket.once('close', leave)
  serveConnection(socket, peer, deps)
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new ResolverError('resolver_socket', `listening on ${path}: ${error.message}`, {
          hint: 'the directory must exist and belong to the user iamlogin',
          cause: error,
        }),
      )
    })
    server.listen({ path, backlog }, resolve)
  })
  chmodSync(path, 0o666)
}

/**
 * Listens on `path`, mode 0666: everyone may ask for names.
 * @throws {ResolverError} when another resolver listens there.
 */
export async function startServer(deps: ServerDeps): Promise<ResolverServer> {
  await removeStaleSocket(deps.path)
  const sockets = new Set<Socket>()
  const fairQueue = createFairQueue({ now: () => performance.now(), nextTurn: setImmediate })
  const connection = { ...deps, fairQueue, limits: createLimits(deps.ownUid) }
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    fairQueue.noteArrival()
    sockets.add(socket)
    // Frames are bounded, so a peer that drips bytes holds a few kilobytes and one of many limits.
    socket.setTimeout(idleMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      sockets.delete(socket)
    })
    try {
      serve(socket, connection)
    } catch (error) {
      deps.log.warn({ err: error }, 'a connection was refused')
      socket.destroy()
    }
  })
  server.maxConnections = connectionsMax
  await listen(server, deps.path)
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

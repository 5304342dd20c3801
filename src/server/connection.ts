// One connection of resolver.sock: its frames are answered in order, one at a time.
import type { Socket } from 'node:net'
import { FormatError } from '../errors.ts'
import type { PeerCredentials } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { decodeRequest, encodeFailure, encodePending } from '../wire/codec.ts'
import { createFrameSplitter } from '../wire/frames.ts'
import { firstDoorOp, signs, status } from '../wire/protocol.ts'
import { mayAsk } from './authorize.ts'
import type { Handler } from './handlers.ts'
import type { Asker, Line } from './line.ts'
import { isPrivileged, type Places } from './places.ts'

export type ConnectionDeps = {
  readonly handle: Handler
  readonly ownUid: number
  readonly line: Line
  readonly places: Places
  readonly clock: Clock
  readonly log: Log
  readonly onRequest: (code: number, state: number) => void
}

/** Frames of one connection that wait for their turn. */
const queueMax = 64

/** Answers what `peer` asks on `socket` until one of the two ends it. */
export function serveConnection(socket: Socket, peer: PeerCredentials, deps: ConnectionDeps): void {
  const { line } = deps
  const privileged = isPrivileged(peer.uid, deps.ownUid)
  const splitter = createFrameSplitter({ atOnce: queueMax + 1 })
  const queue: Buffer[] = []
  /** An answer is being made, or is more than the peer has read. */
  let busy = false
  let ending = false
  let unread: (() => void) | undefined

  const refuse = (code: number, reason: string): void => {
    ending = true
    deps.onRequest(code, status.BAD_REQUEST)
    socket.end(encodeFailure(code, status.BAD_REQUEST, reason))
  }

  const reply = (code: number, frame: Buffer): void => {
    deps.onRequest(code, frame[6] ?? 0)
    // Whoever does not read gets no further answers, and is gone when the idle time is over.
    if (socket.write(frame) || socket.writableLength === 0) return
    const giveBack = deps.places.keepUnread(peer.uid, socket.writableLength)
    if (giveBack === undefined) {
      socket.destroy()
      return
    }
    busy = true
    unread = giveBack
    socket.once('drain', goOn)
  }

  /** Sends signs of life until the answer is there: a client takes silence for a resolver that hangs. */
  const showLife = (code: number): (() => void) => {
    let cancel = (): void => undefined
    const wait = (): void => {
      cancel = deps.clock.after(signs.PENDING_MS, () => {
        if (socket.destroyed) return
        if (socket.writableLength === 0) socket.write(encodePending(code))
        wait()
      })
    }
    wait()
    return () => {
      cancel()
    }
  }

  const answer = (body: Buffer): Promise<void> | undefined => {
    const request = decodeRequest(body)
    if (!mayAsk(request.op, peer, deps.ownUid)) {
      const reason = `uid ${peer.uid} may not ask that`
      reply(request.op, encodeFailure(request.op, status.DENIED, reason))
      return undefined
    }
    const answered = deps.handle(request, privileged)
    if (answered instanceof Promise) {
      const endSigns = request.op >= firstDoorOp ? showLife(request.op) : undefined
      return answered.finally(endSigns).then((frame) => {
        busy = false
        reply(request.op, frame)
      })
    }
    reply(request.op, answered)
    return undefined
  }

  const failed = (body: Buffer, error: unknown): void => {
    const code = body[1] ?? 0
    if (error instanceof FormatError) {
      refuse(code, error.message)
      return
    }
    deps.log.error({ err: error, op: code }, 'answering a request failed')
    busy = false
    reply(code, encodeFailure(code, status.UNAVAIL, 'internal error'))
  }

  const canGoOn = (): boolean => !busy && !ending && !socket.destroyed && queue.length > 0

  /** A pending answer stops the queue of its own connection, and no other. */
  const answerOne = (): boolean => {
    const body = socket.destroyed ? undefined : queue.shift()
    if (body === undefined) return false
    try {
      const waiting = answer(body)
      if (waiting !== undefined) {
        busy = true
        waiting
          .catch((error: unknown) => {
            failed(body, error)
          })
          .finally(takeTurn)
      }
    } catch (error) {
      failed(body, error)
    }
    if (queue.length === 0) socket.resume()
    return canGoOn()
  }

  const asker: Asker = { uid: peer.uid, answerOne }

  const takeTurn = (): void => {
    if (!canGoOn()) return
    if (!privileged) line.join(asker)
    else while (answerOne());
  }

  const forgetUnread = (): void => {
    unread?.()
    unread = undefined
  }

  const goOn = (): void => {
    busy = false
    forgetUnread()
    takeTurn()
  }

  socket.once('close', () => {
    queue.length = 0
    forgetUnread()
    line.leave(asker)
  })
  socket.on('data', (chunk) => {
    if (ending) return
    try {
      queue.push(...splitter.push(chunk))
    } catch (error) {
      refuse(0, error instanceof Error ? error.message : 'bad frame')
      return
    }
    if (queue.length > queueMax) {
      socket.destroy()
      return
    }
    takeTurn()
    // What is not answered yet is enough: the rest waits in the kernel, at the peer's cost.
    if (queue.length > 0) socket.pause()
  })
}

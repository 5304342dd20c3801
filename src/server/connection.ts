// One connection of resolver.sock: its frames are answered in order, one at a time.
import type { Socket } from 'node:net'
import { FormatError } from '../errors.ts'
import type { PeerCredentials } from '../platform/addon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { decodeRequest, encodeFailure, encodePending } from '../wire/codec.ts'
import { createFrameSplitter, type FrameSplitter } from '../wire/frames.ts'
import { firstDoorOp, signs, status } from '../wire/protocol.ts'
import { mayAsk } from './authorize.ts'
import type { Handler } from './handlers.ts'
import type { Asker, FairQueue } from './fair-queue.ts'
import { isPrivileged, type Limits } from './limits.ts'

export type ConnectionDeps = {
  readonly handle: Handler
  readonly ownUid: number
  readonly fairQueue: FairQueue
  readonly limits: Limits
  readonly clock: Clock
  readonly log: Log
  readonly onRequest: (code: number, state: number) => void
}

/** Frames of one connection that wait for their turn. */
const queueMax = 64

/** One connection. */
type Self = {
  readonly socket: Socket
  readonly peer: PeerCredentials
  readonly deps: ConnectionDeps
  readonly isPrivileged: boolean
  readonly asker: Asker
  /** Frames that are not answered yet. */
  readonly queue: Buffer[]
  /** An answer is being made, or is more than the peer has read. */
  isBusy: boolean
  isEnding: boolean
  /** Gives back the room that unread answers take. */
  unread: (() => void) | undefined
}

function refuse(self: Self, code: number, reason: string): void {
  self.isEnding = true
  self.deps.onRequest(code, status.BAD_REQUEST)
  self.socket.end(encodeFailure(code, status.BAD_REQUEST, reason))
}

function forgetUnread(self: Self): void {
  self.unread?.()
  self.unread = undefined
}

function goOn(self: Self): void {
  self.isBusy = false
  forgetUnread(self)
  takeTurn(self)
}

function reply(self: Self, code: number, frame: Buffer): void {
  const { socket, peer, deps } = self
  deps.onRequest(code, frame[6] ?? 0)
  // A peer that does not read gets no further answers, and is gone when the idle time is over.
  if (socket.write(frame) || socket.writableLength === 0) return
  const giveBack = deps.limits.keepUnread(peer.uid, socket.writableLength)
  if (giveBack === undefined) {
    socket.destroy()
    return
  }
  self.isBusy = true
  self.unread = giveBack
  socket.once('drain', () => {
    goOn(self)
  })
}

/** Sends signs of life until the answer is there: a client takes silence for a resolver that hangs. */
function showLife({ socket, deps }: Self, code: number): () => void {
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

/** Undefined where the answer was given at once. */
function answer(self: Self, body: Buffer): Promise<void> | undefined {
  const { peer, deps } = self
  const request = decodeRequest(body)
  if (!mayAsk(request.op, peer, deps.ownUid)) {
    const reason = `uid ${peer.uid} may not ask that`
    reply(self, request.op, encodeFailure(request.op, status.DENIED, reason))
    return undefined
  }
  const answered = deps.handle(request, self.isPrivileged)
  if (answered instanceof Promise) {
    const endSigns = request.op >= firstDoorOp ? showLife(self, request.op) : undefined
    return answered.finally(endSigns).then((frame) => {
      self.isBusy = false
      reply(self, request.op, frame)
    })
  }
  reply(self, request.op, answered)
  return undefined
}

function failed(self: Self, body: Buffer, error: unknown): void {
  const code = body[1] ?? 0
  if (error instanceof FormatError) {
    refuse(self, code, error.message)
    return
  }
  self.deps.log.error({ err: error, op: code }, 'answering a request failed')
  self.isBusy = false
  reply(self, code, encodeFailure(code, status.UNAVAIL, 'internal error'))
}

function canGoOn({ socket, queue, isBusy, isEnding }: Self): boolean {
  return !isBusy && !isEnding && !socket.destroyed && queue.length > 0
}

/** A pending answer stops the queue of its own connection, and no other. */
function answerOne(self: Self): boolean {
  const { socket, queue } = self
  const body = socket.destroyed ? undefined : queue.shift()
  if (body === undefined) return false
  try {
    const waiting = answer(self, body)
    if (waiting !== undefined) {
      self.isBusy = true
      waiting
        .catch((error: unknown) => {
          failed(self, body, error)
        })
        .finally(() => {
          takeTurn(self)
        })
    }
  } catch (error) {
    failed(self, body, error)
  }
  if (queue.length === 0) socket.resume()
  return canGoOn(self)
}

function takeTurn(self: Self): void {
  if (!canGoOn(self)) return
  if (!self.isPrivileged) self.deps.fairQueue.join(self.asker)
  else while (answerOne(self));
}

function take(self: Self, chunk: Buffer, splitter: FrameSplitter): void {
  const { socket, queue } = self
  if (self.isEnding) return
  try {
    queue.push(...splitter.push(chunk))
  } catch (error) {
    refuse(self, 0, error instanceof Error ? error.message : 'bad frame')
    return
  }
  if (queue.length > queueMax) {
    socket.destroy()
    return
  }
  takeTurn(self)
  // What is not answered yet is enough: the rest waits in the kernel, at the peer's cost.
  if (queue.length > 0) socket.pause()
}

/** Answers what `peer` asks on `socket` until one of the two ends it. */
export function serveConnection(socket: Socket, peer: PeerCredentials, deps: ConnectionDeps): void {
  const self: Self = {
    ...{ socket, peer, deps },
    isPrivileged: isPrivileged(peer.uid, deps.ownUid),
    asker: { uid: peer.uid, answerOne: () => answerOne(self) },
    queue: [],
    isBusy: false,
    isEnding: false,
    unread: undefined,
  }
  const splitter = createFrameSplitter({ atOnce: queueMax + 1 })
  socket.once('close', () => {
    self.queue.length = 0
    forgetUnread(self)
    deps.fairQueue.leave(self.asker)
  })
  socket.on('data', (chunk) => {
    take(self, chunk, splitter)
  })
}

// The adversary: a resolver in the place of iamlogind, as uid iamlogin and with nothing else. It answers
// every request by lies.json, which it reads anew each time.
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import {
  decodeRequest,
  encodeFailure,
  encodeSuccess,
  type Request,
  type Response,
} from '../../src/wire/codec.ts'
import { createFrameSplitter } from '../../src/wire/frames.ts'
import { op, status } from '../../src/wire/protocol.ts'
import { allowed, keyOf, liesPath, socketPath, type Lie, type Lies } from './lies.ts'

function read(): Lies {
  // It is the program's own file, written by the test.
  return JSON.parse(readFileSync(liesPath, 'utf8')) as Lies
}

function toResponse(lie: Lie): Response {
  switch (lie.kind) {
    case 'verdict':
      return allowed
    case 'passwds':
      return { kind: 'passwds', generation: 1n, next: 0, entries: lie.entries }
    case 'groups':
      return { kind: 'groups', generation: 1n, next: 0, entries: lie.entries }
    case 'passwd':
    case 'group':
    case 'gids':
    case 'keys':
      return lie
  }
}

function answer(request: Request): Buffer {
  if (request.op === op.SESSION_OPEN || request.op === op.SESSION_CLOSE)
    return encodeSuccess(request.op, { kind: 'done' }, false)
  const lie = read()[keyOf(request)]
  if (lie === undefined) return encodeFailure(request.op, status.NOTFOUND, 'no such lie')
  return encodeSuccess(request.op, toResponse(lie), false)
}

rmSync(socketPath, { force: true })
const server = createServer((socket) => {
  const splitter = createFrameSplitter()
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    for (const body of splitter.push(chunk)) socket.write(answer(decodeRequest(body)))
  })
})
server.listen(socketPath, () => {
  chmodSync(socketPath, 0o666)
  process.stdout.write('ready\n')
})

// Asks control.sock and decodes the answer.
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type * as z from 'zod'
import { errorDocument } from '../control/documents.ts'
import { ResolverError } from '../errors.ts'
import { collectBytes } from '../platform/collect.ts'
import { listenerOf, type Listener } from '../platform/listener.ts'

export type Ask = <T>(
  schema: z.ZodType<T>,
  path: string,
  method?: 'GET' | 'POST',
) => Promise<T | Refused>

/** The resolver answered, and the answer is no. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Undefined for what is no JSON. */
function decode(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** More than a directory of 50,000 users and its groups. */
const longestAnswer = 64 * 1024 * 1024

/** A read of a large account takes its time, and the resolver gives up after two minutes itself. */
const longestWaitMs = 120_000

export type Patience = {
  /** After so long without an answer the resolver is asked for something that it answers at once. */
  readonly probeAfterMs: number
  /** One that does not answer that either, for so long, is taken for hung. */
  readonly probeMs: number
  readonly listenerOf: (socket: Socket) => Listener | undefined
}
const patience: Patience = { probeAfterMs: 1_000, probeMs: 2_000, listenerOf }

type Question = { readonly socketPath: string; readonly path: string; readonly method: string }
type Answer = { readonly status: number; readonly body: string }

function unreachable(socketPath: string, error: Error): ResolverError {
  const denied = 'code' in error && error.code === 'EACCES'
  return new ResolverError(
    'resolver_unreachable',
    `asking the resolver on ${socketPath}: ${error.message}`,
    {
      hint: denied
        ? 'run it as root or as a member of the group iamlogin'
        : 'is it running? systemctl status iamlogind',
      cause: error,
    },
  )
}

function hung(socketPath: string, listener: Listener | undefined): ResolverError {
  const pid = listener === undefined ? '' : ` (pid ${listener.pid})`
  const isStopped = listener?.isStopped === true
  return new ResolverError(
    'resolver_unreachable',
    `asking the resolver on ${socketPath}: the resolver${pid} ${isStopped ? 'is stopped by a signal or a debugger' : 'does not answer'}`,
    {
      hint: `${isStopped ? `kill -CONT ${listener.pid}, or ` : ''}systemctl restart iamlogind; systemd does so by itself within half a minute`,
    },
  )
}

function exchange(
  { socketPath, path, method }: Question,
  signal: AbortSignal,
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(unreachable(socketPath, error instanceof Error ? error : new Error(String(error))))
    }
    const options = { socketPath, path, method, signal, timeout: longestWaitMs }
    const sent = request(options, (answer) => {
      collectBytes(answer as AsyncIterable<Buffer>, longestAnswer).then(
        (body) => {
          resolve({ status: answer.statusCode ?? 0, body: body.toString('utf8') })
        },
        (error: unknown) => {
          sent.destroy()
          fail(error)
        },
      )
    })
    sent.once('socket', onSocket)
    sent.once('timeout', () => sent.destroy(new Error('no answer within two minutes')))
    sent.once('error', fail)
    sent.end()
  })
}

/** Rejects once the resolver answers nothing any more; else only when `signal` aborts. */
async function watch(socketPath: string, signal: AbortSignal, wait: Patience): Promise<never> {
  await setTimeout(wait.probeAfterMs, undefined, { signal })
  let socket: Socket | undefined
  const timer = new AbortController()
  const question = { socketPath, path: '/status', method: 'GET' }
  const probe = exchange(question, AbortSignal.any([signal, timer.signal]), (each) => {
    socket = each
  })
  const late = setTimeout(wait.probeMs, undefined, { signal }).then(() => {
    const listener = socket === undefined ? undefined : wait.listenerOf(socket)
    timer.abort()
    throw hung(socketPath, listener)
  })
  // A probe that fails says nothing of the answer that is waited for.
  await Promise.race([probe.catch(() => undefined), late])
  // It lives: what was asked for takes its time.
  return new Promise(() => undefined)
}

/** As exchange, but for a resolver that hangs. */
async function exchangeWith(question: Question, wait: Patience): Promise<Answer> {
  const done = new AbortController()
  try {
    const watched = watch(question.socketPath, done.signal, wait)
    return await Promise.race([exchange(question, done.signal), watched])
  } finally {
    done.abort()
  }
}

/** @throws {ResolverError} when no resolver answers on `socketPath`, within some seconds where it hangs */
export function createAsk(socketPath: string, wait = patience): Ask {
  const foreign = (cause: Error): ResolverError =>
    new ResolverError('resolver_unreachable', `${socketPath}: the answer is not the resolver's`, {
      hint: 'another version, or another program? systemctl restart iamlogind',
      cause,
    })
  return async (schema, path, method = 'GET') => {
    const { status, body } = await exchangeWith({ socketPath, path, method }, wait)
    const value = decode(body)
    if (status < 400) {
      const decoded = schema.safeParse(value)
      if (decoded.success) return decoded.data
      throw foreign(decoded.error)
    }
    const refused = errorDocument.safeParse(value)
    if (!refused.success) throw foreign(refused.error)
    const { error } = refused.data
    // 503: of the source, not of the resolver, which has just answered.
    if (status < 500 || status === 503) return new Refused(error.message, error.hint)
    throw new ResolverError('resolver_refused', error.message, { hint: error.hint })
  }
}

// control.sock: HTTP and JSON for the command line and Prometheus, for root and the group iamlogin.
import { chmodSync } from 'node:fs'
import type { IncomingMessage, Server } from 'node:http'
import type { Exposition } from '../metrics/metrics.ts'
import type { Log } from '../platform/log.ts'
import { ResolverError } from '../errors.ts'
import { removeStaleSocket } from '../server/server.ts'
import type { RefreshDocument } from './documents.ts'
import {
  explainOf,
  groupsOf,
  keysOf,
  refreshNow,
  statusOf,
  usersOf,
  type ControlParts,
} from './routes.ts'

export type Control = { readonly close: () => Promise<void> }

/** The resolver that answers now: a reload replaces it while the sockets stay open. */
export type Serving = {
  readonly parts: ControlParts
  readonly expose: () => Promise<Exposition>
  /** Resolves when another serves. */
  readonly replaced: Promise<void>
}

type Reply = { readonly code: number; readonly type: string; readonly body: string }

function json(body: unknown, code = 200): Reply {
  return { code, type: 'application/json', body: JSON.stringify(body) }
}

function failure(code: number, word: string, message: string, hint: string): Reply {
  return json({ error: { code: word, message, hint } }, code)
}

/** An empty list would say that there are no users. */
function notRead({ refresher }: ControlParts): Reply {
  const failed = refresher.failure()
  return failure(
    409,
    'not_read',
    `nothing has been read from the source yet${failed === undefined ? '' : `: ${failed.message}`}`,
    failed?.hint ?? 'ask again in a moment, or see iamlogin status',
  )
}

/** Undefined for a path that is no URL encoding; RFC 3986, section 2.1. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** A read that a reload cut short is asked again, of the one that serves then. */
async function refreshBy(
  serving: () => Serving,
  options: Parameters<typeof refreshNow>[1],
): Promise<RefreshDocument> {
  for (;;) {
    const { parts, replaced } = serving()
    const document = await refreshNow(parts, options)
    if (document.error?.code !== 'stopped') return document
    await replaced
  }
}

function refreshOptions(query: URLSearchParams): Parameters<typeof refreshNow>[1] {
  return { user: query.get('user') ?? undefined, confirm: query.get('confirm') === '1' }
}

async function keysReply(parts: ControlParts, name: string): Promise<Reply> {
  const current = parts.store.current()
  if (current === undefined) return notRead(parts)
  const keys = await keysOf(parts, current, name)
  if (typeof keys === 'string')
    return failure(503, 'source_unavailable', keys, 'see iamlogin status')
  if (keys === undefined)
    return failure(404, 'not_found', `no user "${name}" here`, `iamlogin explain ${name} tells why`)
  return json(keys)
}

async function route(request: IncomingMessage, serving: () => Serving): Promise<Reply> {
  const { parts, expose } = serving()
  const url = URL.parse(`http://control${request.url ?? '/'}`)
  const [, first = '', ...rest] = url?.pathname.split('/') ?? []
  const name = decoded(rest.join('/'))
  if (url === null || name === undefined)
    return failure(
      400,
      'bad_request',
      `"${request.url ?? ''}" is no URL path`,
      'write % in a name as %25',
    )
  const current = parts.store.current()
  switch (`${request.method ?? ''} ${first}`) {
    case 'GET status':
      return json(statusOf(parts))
    case 'GET users':
      return current === undefined ? notRead(parts) : json(usersOf(current))
    case 'GET groups':
      return current === undefined ? notRead(parts) : json(groupsOf(current))
    case 'GET explain':
      return json(await explainOf(parts, name))
    case 'GET keys':
      return keysReply(parts, name)
    case 'POST refresh':
      return json(await refreshBy(serving, refreshOptions(url.searchParams)))
    case 'GET metrics':
      return { code: 200, ...(await expose()) }
    default:
      return failure(
        404,
        'not_found',
        `no ${request.method ?? ''} ${url.pathname}`,
        'see iamlogin --help',
      )
  }
}

function serverOf(answer: (request: IncomingMessage) => Promise<Reply>, log: Log): Server {
  // An import statement would run every getter of the module, and load fetch and WebSocket by it: 20 ms.
  const { createServer } = process.getBuiltinModule('node:http')
  const server = createServer((request, response) => {
    request.resume()
    answer(request)
      .catch((error: unknown) => {
        log.error({ err: error }, 'answering on control.sock failed')
        return failure(500, 'internal', 'internal error', 'the log of iamlogind tells more')
      })
      .then(({ code, type, body }) => {
        response.writeHead(code, { 'content-type': type, connection: 'close' }).end(body)
      })
      .catch(() => response.destroy())
  })
  server.requestTimeout = 10_000
  server.maxConnections = 64
  return server
}

async function listening(
  server: Server,
  where: Parameters<Server['listen']>[0],
  what: { readonly name: string; readonly hint: string },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new ResolverError('resolver_socket', `${what.name}: ${error.message}`, {
          hint: what.hint,
          cause: error,
        }),
      )
    })
    server.listen(where, resolve)
  })
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.closeAllConnections()
    server.close(() => {
      resolve()
    })
  })
}

/**
 * Listens on `path` with mode 0660.
 * @throws {ResolverError} when another resolver listens there.
 */
export async function startControl(deps: {
  readonly path: string
  readonly serving: () => Serving
  readonly log: Log
}): Promise<Control> {
  const { path, serving, log } = deps
  await removeStaleSocket(path)
  const server = serverOf((request) => route(request, serving), log)
  await listening(
    server,
    { path },
    { name: `listening on ${path}`, hint: 'the directory must belong to the user iamlogin' },
  )
  chmodSync(path, 0o660)
  return { close: () => closeAll(server) }
}

/**
 * Answers /metrics on TCP at `listen`, HOST:PORT.
 * @throws {ResolverError} when the port is taken.
 */
export async function startMetrics(deps: {
  readonly listen: string
  readonly serving: () => Serving
  readonly log: Log
}): Promise<Control> {
  const { listen, serving, log } = deps
  const at = listen.lastIndexOf(':')
  const server = serverOf(
    async (request) =>
      request.url === '/metrics'
        ? route(request, serving)
        : failure(404, 'not_found', 'only /metrics is here', ''),
    log,
  )
  const host = listen.slice(0, at).replace(/^\[|\]$/g, '')
  await listening(
    server,
    { host, port: Number(listen.slice(at + 1)) },
    { name: `metrics.listen ${listen}`, hint: 'another address or port, or "" for none' },
  )
  return { close: () => closeAll(server) }
}

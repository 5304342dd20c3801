// Asks control.sock and decodes the answer.
import { request } from 'node:http'
import type { z } from 'zod'
import { errorDocument } from '../control/documents.ts'
import { ResolverError } from '../errors.ts'
import { collectBytes } from '../platform/collect.ts'

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

/** @throws {ResolverError} when nobody answers on `socketPath` */
export function createAsk(socketPath: string): Ask {
  const unreachable = (error: Error): ResolverError => {
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
  const foreign = (cause: Error): ResolverError =>
    new ResolverError('resolver_unreachable', `${socketPath}: the answer is not the resolver's`, {
      hint: 'another version, or another program? systemctl restart iamlogind',
      cause,
    })
  const exchange = (
    path: string,
    method: string,
  ): Promise<{ readonly status: number; readonly body: string }> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, path, method, timeout: 120_000 }, (answer) => {
        collectBytes(answer as AsyncIterable<Buffer>, longestAnswer).then(
          (body) => {
            resolve({ status: answer.statusCode ?? 0, body: body.toString('utf8') })
          },
          (error: unknown) => {
            sent.destroy()
            reject(unreachable(error instanceof Error ? error : new Error(String(error))))
          },
        )
      })
      sent.once('timeout', () => sent.destroy(new Error('no answer within two minutes')))
      sent.once('error', (error) => {
        reject(unreachable(error))
      })
      sent.end()
    })
  return async (schema, path, method = 'GET') => {
    const { status, body } = await exchange(path, method)
    const value = decode(body)
    if (status < 400) {
      const decoded = schema.safeParse(value)
      if (decoded.success) return decoded.data
      throw foreign(decoded.error)
    }
    const refused = errorDocument.safeParse(value)
    if (!refused.success) throw foreign(refused.error)
    const { error } = refused.data
    if (status < 500) return new Refused(error.message, error.hint)
    throw new ResolverError('resolver_refused', error.message, { hint: error.hint })
  }
}

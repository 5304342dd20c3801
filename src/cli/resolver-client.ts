// Asks control.sock and decodes the answer.
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { z } from 'zod'
import { errorDocument } from '../control/documents.ts'
import { ResolverError } from '../errors.ts'

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
  const exchange = (
    path: string,
    method: string,
  ): Promise<{ readonly status: number; readonly body: string }> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, path, method, timeout: 120_000 }, (answer) => {
        text(answer).then((body) => {
          resolve({ status: answer.statusCode ?? 0, body })
        }, reject)
      })
      sent.once('timeout', () => sent.destroy(new Error('no answer within two minutes')))
      sent.once('error', (error) => {
        reject(unreachable(error))
      })
      sent.end()
    })
  return async (schema, path, method = 'GET') => {
    const { status, body } = await exchange(path, method)
    const value: unknown = JSON.parse(body)
    if (status < 400) return schema.parse(value)
    const { error } = errorDocument.parse(value)
    if (status < 500) return new Refused(error.message, error.hint)
    throw new ResolverError('resolver_refused', error.message, { hint: error.hint })
  }
}

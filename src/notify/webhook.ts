// POSTs an event to a URL, signed. docs/notify.md tells the receiver how to check it.
import { createHmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { ConfigError } from '../errors.ts'
import { AbortError, type Send } from './notifier.ts'

/**
 * The key of the HMAC: the file's text without the newline at its end.
 * @throws {ConfigError} when it cannot be read, is empty, or others may read it
 */
export function readSecret(path: string): string {
  let text: string
  try {
    if ((statSync(path).mode & 0o007) !== 0)
      throw new ConfigError(
        'config_invalid',
        `notify.secret_file ${path}: others may read or write it`,
        {
          hint: `chown root:iamlogin ${path} && chmod 640 ${path}`,
        },
      )
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError('config_invalid', `notify.secret_file ${path} cannot be read`, {
      hint: 'the user iamlogin must be able to read it',
      cause: error,
    })
  }
  if (text === '')
    throw new ConfigError('config_invalid', `notify.secret_file ${path} is empty`, {
      hint: `openssl rand -hex 32 > ${path}`,
    })
  return text
}

/** `v1=` and the HMAC-SHA256, in hex, of "timestamp.delivery.body". */
export function signatureOf(
  secret: string,
  {
    timestamp,
    id,
    body,
  }: { readonly timestamp: string; readonly id: string; readonly body: string },
): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${id}.${body}`).digest('hex')}`
}

/** @param secret empty: unsigned */
export function createWebhook(deps: {
  readonly url: string
  readonly secret: string
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}): Send {
  // Its path or query may be all that a receiver asks for: not for the log.
  const { origin } = new URL(deps.url)
  return async ({ id, event, body }, signal) => {
    const timestamp = String(Math.floor(deps.now() / 1_000))
    const answer = await fetch(deps.url, {
      method: 'POST',
      // Elsewhere the secret's owner did not agree to.
      redirect: 'manual',
      signal,
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': `iamlogin/${deps.version}`,
        'iamlogin-event': event.action,
        'iamlogin-delivery': id,
        'iamlogin-timestamp': timestamp,
        ...(deps.secret === ''
          ? {}
          : { 'iamlogin-signature': signatureOf(deps.secret, { timestamp, id, body }) }),
      },
    })
    await answer.body?.cancel()
    if (answer.ok) return
    const error = new Error(`POST ${origin}: ${answer.status}`)
    // Too many, too slow, or broken: later may be better. All else will be refused again.
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) throw error
    throw new AbortError(error)
  }
}

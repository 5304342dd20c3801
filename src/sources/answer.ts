// One gate behind every SDK client: what AWS answered counts only when it is the whole answer of the
// action that was asked. A proxy's page, an empty body or another action's document is a failure of
// the source; the SDK alone would read each of them as "none".
import type { Pluggable } from '@smithy/types'
import { AnswerError } from '../errors.ts'
import { collectBytes } from '../platform/collect.ts'
import { keyOf, type AnswerSums } from './answer-sums.ts'
import { childOf, textOf, type Service } from './answer-shapes.ts'
import { readXml, type XmlElement } from './xml.ts'

/** Larger than any page of IAM: 1,000 users are about 1 MB. */
const longestBody = 8 * 1024 * 1024
/** From the head of an answer to its end. */
const bodyTimeoutMs = 10_000
const shownCharacters = 80

type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What came, for people: the HTTP status, the content type and the first words. */
function told({ status, contentType, body }: Answer): string {
  const words = body
    .slice(0, shownCharacters * 4)
    .replace(/[^\x21-\x7e]+/g, ' ')
    .trim()
  const cut = words.length > shownCharacters ? `${words.slice(0, shownCharacters)}...` : words
  const type = /^[\w.+/-]{1,60}/.exec(contentType)?.[0] ?? 'no content type'
  return `HTTP ${status}, ${type}, ${cut === '' ? 'an empty body' : `"${cut}"`}`
}

/** The code of an error document; undefined for any other document. */
function errorOf(root: XmlElement | undefined, { protocol, namespace }: Service) {
  if (root === undefined) return undefined
  const holder = protocol === 'ec2' ? childOf(root, 'Errors') : root
  const error = holder === undefined ? undefined : childOf(holder, 'Error')
  const name = protocol === 'ec2' ? 'Response' : 'ErrorResponse'
  const code = textOf(error, 'Code')
  if (root.name !== name || code === '') return undefined
  const requestId = textOf(root, protocol === 'ec2' ? 'RequestID' : 'RequestId')
  return { code, isOwn: root.namespace === namespace && requestId !== '' }
}

function flawOfError(answer: Answer, service: Service): string | undefined {
  const error = errorOf(readXml(answer.body), service)
  if (error === undefined) return 'no error document of AWS'
  // "There is no such user or group" is a fact that access hangs on: it must be the service's own.
  const isAbsence = error.code.startsWith('NoSuchEntity')
  return isAbsence && !(error.isOwn && answer.status === 404)
    ? `${error.code} in a document that is not ${service.prefix.toUpperCase()}'s own`
    : undefined
}

/**
 * Tells why `answer` is not the whole answer of `action`, or not an error of AWS's; undefined when
 * it is.
 * @param action as in "GetGroup"
 * @param input the request's parameters: whose group, whose keys
 */
export function flawOf(
  answer: Answer,
  service: Service,
  asked: { readonly action: string; readonly input: Readonly<Record<string, unknown>> },
): string | undefined {
  const { action, input } = asked
  if (answer.status >= 300) return flawOfError(answer, service)
  if (answer.status !== 200) return 'not an HTTP status of an answer'
  if (answer.body.trim() === '') return 'an empty body'
  const root = readXml(answer.body)
  if (root === undefined) return 'no XML document as AWS writes it'
  if (root.name !== `${action}Response`) return `a document <${root.name}>`
  if (root.namespace !== service.namespace) return `the namespace ${root.namespace ?? 'none'}`
  const check = service.actions[action]
  if (check === undefined) return 'an action whose answers nobody described'
  if (service.protocol === 'ec2')
    return textOf(root, 'requestId') === '' ? 'no request id' : check(root, input)
  const result = childOf(root, `${action}Result`)
  if (result === undefined) return `no ${action}Result`
  if (textOf(childOf(root, 'ResponseMetadata'), 'RequestId') === '') return 'no request id'
  return check(result, input)
}

type Stream = AsyncIterable<Uint8Array> & { readonly destroy?: (error: Error) => void }

function isStream(body: unknown): body is Stream {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** @throws {Error} when the connection ends early, or what comes is too long or too slow */
async function collect(body: unknown): Promise<Uint8Array> {
  if (body === undefined || body === null) return new Uint8Array()
  if (body instanceof Uint8Array) return body
  if (!isStream(body)) throw new TypeError('an answer that is no stream of bytes')
  const late = Object.assign(new Error(`the answer did not end within ${bodyTimeoutMs} ms`), {
    name: 'TimeoutError',
  })
  const timer = setTimeout(() => body.destroy?.(late), bodyTimeoutMs)
  try {
    return await collectBytes(body, longestBody)
  } finally {
    clearTimeout(timer)
  }
}

type Response = {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  body: unknown
}

function isResponse(response: unknown): response is Response {
  return typeof response === 'object' && response !== null && 'statusCode' in response
}

/**
 * Makes the gate for a client of `service`: `client.middlewareStack.use(answerGate(iamService))`.
 * @param sums knows answers again that were the whole ones before
 */
export function answerGate<Input extends object, Output extends object>(
  service: Service,
  sums?: Pick<AnswerSums, 'note'>,
): Pluggable<Input, Output> {
  return {
    applyToStack: (stack) => {
      stack.add(
        (next, context) => async (args) => {
          const result = await next(args)
          const { response } = result
          if (!isResponse(response)) throw new TypeError('an answer that is no HTTP response')
          const bytes = await collect(response.body)
          response.body = bytes
          const header = Object.entries(response.headers).find(
            ([name]) => name.toLowerCase() === 'content-type',
          )
          const answer = {
            status: response.statusCode,
            contentType: header?.[1] ?? '',
            body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
          }
          const action = (context.commandName ?? 'Unknown').replace(/Command$/, '')
          if (answer.status === 200) sums?.note(keyOf(action, args.input), answer.body)
          const flaw = flawOf(answer, service, {
            action,
            input: Object.fromEntries<unknown>(Object.entries(args.input)),
          })
          if (flaw !== undefined)
            throw new AnswerError(`${service.prefix}:${action}`, {
              flaw,
              came: told(answer),
              status: answer.status,
            })
          return result
        },
        // Behind the deserializer, which sees only what passed.
        { step: 'deserialize', priority: 'low', name: 'iamloginAnswerGate', override: true },
      )
    },
  }
}

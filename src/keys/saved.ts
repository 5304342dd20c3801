// keys.json: people's keys as the last run knew them.
import type { SourceCredentials } from '../directory/types.ts'
import { isBoolean, isListOf, isNumber, isObject, isOneOf, isText } from '../platform/shape.ts'

export type SavedCredentials = {
  /** SourceUser.id */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  readonly credentials: SourceCredentials
  /** Keys may be missing: when they were read last, it was not known which person had the name. */
  readonly isUnsure?: true
}

export type SavedKeys = {
  readonly version: 1
  /** Which source it was read from; files of older versions do not tell. */
  readonly origin?: string
  readonly people: readonly SavedCredentials[]
}

const isUnreadPart = isObject(
  { part: isOneOf('uploads', 'tags', 'mfa'), code: isText, message: isText, hint: isText },
  { lastReadAt: isNumber },
)
const isKey = isObject(
  { id: isText, origin: isOneOf('iam', 'tag', 'file'), body: isText },
  { uploadedAt: isNumber, inactive: isOneOf(true) },
)
const isCredentials = isObject(
  { keys: isListOf(isKey) },
  { mfa: isBoolean, unread: isListOf(isUnreadPart) },
)
const isPerson = isObject(
  { id: isText, fetchedAt: isNumber, credentials: isCredentials },
  { isUnsure: isOneOf(true) },
)
const isSaved = isObject({ version: isOneOf(1), people: isListOf(isPerson) }, { origin: isText })

/** @throws {SyntaxError | TypeError} where the text is no keys.json, or of another version */
export function decodeSaved(text: string): SavedKeys {
  const value: unknown = JSON.parse(text)
  if (!isSaved(value)) throw new TypeError('it has another shape than keys.json')
  return value
}

/** As the file has it: moments of one run say nothing to the next. */
export function encodeSaved(people: readonly SavedCredentials[], origin: string): Buffer {
  const saved = people.map(({ id, fetchedAt, credentials, isUnsure }) => ({
    id,
    fetchedAt,
    credentials,
    isUnsure,
  }))
  return Buffer.from(JSON.stringify({ version: 1, origin, people: saved }))
}

// Tells whether an answer of AWS is, byte for byte, one that was understood before: then it need not be
// understood again. Most pages of a directory are the same at each read.
import { createHash } from 'node:crypto'

/** The answer is the one that was expected: what came of it then is what it says. */
export class SameAnswer extends Error {
  override readonly name = 'SameAnswer'
}

/** Of one answer among others: the action and its parameters, and the answer's sum. */
export type AnswerSums = {
  /** From now on an answer with this sum is not read: the request rejects with SameAnswer. */
  readonly expect: (key: string, sum: string) => void
  /** @throws {SameAnswer} where it is the one that is expected */
  readonly note: (key: string, body: string) => void
  /** Of the last answer; undefined where none came. */
  readonly sumOf: (key: string) => string | undefined
}

/** What differs between two answers that say the same; AWS gives each request an id of its own. */
const requestId = /<RequestId>[\w-]{1,64}<\/RequestId>/

/** Names a request. */
export function keyOf(action: string, input: object): string {
  return JSON.stringify([action, input])
}

function digest(body: string): string {
  return createHash('sha256').update(body.replace(requestId, '')).digest('base64')
}

/** Makes the sums of the answers of one client. */
export function createAnswerSums(): AnswerSums {
  const expected = new Map<string, string>()
  const seen = new Map<string, string>()
  return {
    expect: (key, sum) => {
      expected.set(key, sum)
    },
    note: (key, body) => {
      // An answer without an id of its own is no whole one: the gate tells.
      if (!requestId.test(body)) return
      const sum = digest(body)
      seen.set(key, sum)
      if (expected.get(key) === sum) throw new SameAnswer('the answer is the one of before')
    },
    sumOf: (key) => seen.get(key),
  }
}

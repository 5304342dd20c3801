// What the directory says of one name: a child process of its own looks, since the resolver itself has
// no copy of the source.
import type { Config } from '../config/config.ts'
import type { Explanation } from '../directory/explain.ts'
import { SourceError } from '../errors.ts'
import type { HeldBytes } from '../platform/held-bytes.ts'
import type { ReadSource } from './reader.ts'
import { toSourceError } from './read-error.ts'

/** Longer than that an administrator does not wait. */
const timeoutMs = 20_000

/** @throws {SourceError} when it cannot be told */
export type Explain = (name: string) => Promise<Explanation>

/** @param deps.reader not that of the refresher, whose read may take long */
export function createExplain(deps: {
  readonly config: Config
  readonly reader: ReadSource
  readonly state: () => HeldBytes | undefined
  readonly snapshot: () => HeldBytes | undefined
  readonly now: () => number
}): Explain {
  return async (name) => {
    const job = {
      ...{ config: deps.config, from: 'explain' as const, name, startedAt: deps.now() },
      ...{ isServing: true, isConfirmed: false, mustSave: false, groupsReadAt: {}, peopleIds: [] },
    }
    const input = { job, state: deps.state, snapshot: deps.snapshot }
    const { outcome } = (await deps.reader(input, AbortSignal.timeout(timeoutMs))).answer
    if (outcome.kind === 'explained') return outcome.explanation
    if (outcome.kind === 'failed') throw toSourceError(outcome.error)
    throw new SourceError('source_malformed', 'the state of the last read is lost', {
      hint: '`iamlogin refresh` reads the source again',
    })
  }
}

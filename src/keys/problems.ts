// Why people's keys, tags or MFA devices cannot be read: for status and metrics, and one line in the
// log at a change.
import type { CredentialPart, SourceCredentials } from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

/** `credentials`: no part of them could be read. */
export type KeyProblem = {
  readonly part: CredentialPart | 'credentials'
  readonly code: string
  /** What happened to the person who was asked about last. */
  readonly message: string
  readonly hint: string
  /** Since when, milliseconds since the epoch. */
  readonly since: number
}

export type KeyProblems = {
  /** A person's credentials were read, in part or whole. */
  readonly read: (credentials: SourceCredentials) => void
  readonly failed: (error: unknown) => void
  readonly now: () => readonly KeyProblem[]
}

/** A problem that comes and goes with each person is one line in this time. */
const quietMs = 300_000
const parts = ['uploads', 'tags', 'mfa'] as const

type Found = Omit<KeyProblem, 'since'>

export function createKeyProblems({
  clock,
  log,
}: {
  readonly clock: Clock
  readonly log: Log
}): KeyProblems {
  const problems = new Map<KeyProblem['part'], KeyProblem>()
  /** When a problem was told last, by the monotonic clock. */
  const toldAt = new Map<string, number>()

  const note = (found: Found): void => {
    const { part, code, hint, message } = found
    const before = problems.get(part)
    const isSame = before?.code === code
    problems.set(part, { ...found, since: isSame ? before.since : clock.now() })
    const at = toldAt.get(`${part} ${code}`) ?? Number.NEGATIVE_INFINITY
    const isQuiet = isSame || clock.monotonic() - at < quietMs
    log[isQuiet ? 'debug' : 'warn']({ part, code, hint }, message)
    if (!isQuiet) toldAt.set(`${part} ${code}`, clock.monotonic())
  }
  const end = (part: KeyProblem['part']): void => {
    const before = problems.get(part)
    if (!problems.delete(part) || before === undefined) return
    log.debug({ part, code: before.code }, `${part} can be read again`)
  }

  return {
    read: ({ unread = [] }) => {
      end('credentials')
      for (const part of parts) if (!unread.some((each) => each.part === part)) end(part)
      for (const { part, code, message, hint } of unread) note({ part, code, message, hint })
    },
    failed: (error) => {
      const message = error instanceof Error ? error.message : String(error)
      const { code, hint } =
        error instanceof SourceError
          ? error
          : { code: 'internal', hint: 'this is a mistake in iamlogin: report it' }
      note({ part: 'credentials', code, message, hint })
      if (!(error instanceof SourceError)) log.debug({ err: error }, message)
    },
    now: () => [...problems.values()],
  }
}

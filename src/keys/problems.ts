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

type Self = {
  readonly clock: Clock
  readonly log: Log
  readonly problems: Map<KeyProblem['part'], KeyProblem>
  /** When a problem was logged last, by the monotonic clock. */
  readonly loggedAt: Map<string, number>
}

function note({ clock, log, problems, loggedAt }: Self, found: Found): void {
  const { part, code, hint, message } = found
  const before = problems.get(part)
  const isSame = before?.code === code
  problems.set(part, { ...found, since: isSame ? before.since : clock.now() })
  const at = loggedAt.get(`${part} ${code}`) ?? Number.NEGATIVE_INFINITY
  const isQuiet = isSame || clock.monotonic() - at < quietMs
  log[isQuiet ? 'debug' : 'warn']({ part, code, hint }, message)
  if (!isQuiet) loggedAt.set(`${part} ${code}`, clock.monotonic())
}

function end({ log, problems }: Self, part: KeyProblem['part']): void {
  const before = problems.get(part)
  if (!problems.delete(part) || before === undefined) return
  log.debug({ part, code: before.code }, `${part} can be read again`)
}

function failed(self: Self, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  const { code, hint } =
    error instanceof SourceError
      ? error
      : { code: 'internal', hint: 'this is a mistake in iamlogin: report it' }
  note(self, { part: 'credentials', code, message, hint })
  if (!(error instanceof SourceError)) self.log.debug({ err: error }, message)
}

/** Makes the list; nothing is a problem yet. */
export function createKeyProblems(deps: Pick<Self, 'clock' | 'log'>): KeyProblems {
  const self: Self = { ...deps, problems: new Map(), loggedAt: new Map() }
  return {
    read: ({ unread = [] }) => {
      end(self, 'credentials')
      for (const part of parts) if (!unread.some((each) => each.part === part)) end(self, part)
      for (const { part, code, message, hint } of unread) note(self, { part, code, message, hint })
    },
    failed: (error) => {
      failed(self, error)
    },
    now: () => [...self.problems.values()],
  }
}

// Has the source read by a child process: one at a time, bounded in time, gone when it has answered.
import type { ChildProcess } from 'node:child_process'
import { SourceError } from '../errors.ts'
import { askOnce, ChildLost, startChild, type Program } from '../platform/child.ts'
import { holdBytes, type HeldBytes } from '../platform/held-bytes.ts'
import type { Answer, ReadJob } from './job.ts'

/** What came of a job. The bytes belong to the receiver. */
export type ReaderResult = {
  readonly answer: Answer
  /** The bytes of a directory.db and the resolver's supplement, in an ArrayBuffer of their own. */
  readonly directory?: Buffer
  /** The same, for the next job to begin with. */
  readonly snapshot?: HeldBytes
  readonly state?: HeldBytes
}

export type ReaderInput = {
  readonly job: ReadJob
  /** The state of the last read, and the directory.db that belongs to it; asked when the process starts. */
  readonly state: () => HeldBytes | undefined
  readonly snapshot: () => HeldBytes | undefined
}

/**
 * Does one job.
 * @throws {SourceError} when no answer came: the process could not start, died or took too long
 */
export type ReadSource = (input: ReaderInput, signal: AbortSignal) => Promise<ReaderResult>

/** What the child process finds at which descriptor; 3 is the channel of messages. */
export const childFd = { directory: 4, state: 5, oldState: 6, oldSnapshot: 7 } as const

/** A message to the child process. */
export type ToChild = {
  readonly job: ReadJob
  readonly stateDir: string
  readonly hasState: boolean
  readonly hasSnapshot: boolean
}

/** Its answer; the sizes are of what it wrote, 0 for nothing. */
export type FromChild = {
  readonly answer: Answer
  readonly directorySize: number
  readonly stateSize: number
}

/** Young objects of a large directory die sooner in more room: half a second of 50,000 users. */
const flags = ['--max-semi-space-size=32']

function lost(what: string, cause?: unknown): SourceError {
  return new SourceError('source_timeout', `reading the source: ${what}`, {
    hint: 'the next refresh tries again; see the log of iamlogind, and report this if it stays',
    cause,
  })
}

function start(program: Program | undefined, fds: readonly (number | 'ignore')[]): ChildProcess {
  try {
    return startChild('reader', { program, execArgv: flags, fds })
  } catch (error) {
    throw lost('its process cannot be started', error)
  }
}

/** Our own code answers, in a process of our own. */
async function answerOf(
  child: ChildProcess,
  message: ToChild,
  signal: AbortSignal,
): Promise<FromChild> {
  try {
    return (await askOnce(child, message, signal)) as FromChild
  } catch (error) {
    if (error instanceof ChildLost) throw lost(error.message, error.cause)
    throw error
  }
}

/**
 * Makes the reader. A caller waits for the job before its own: there is never a second process.
 * @param deps.memoryFile an empty file in memory
 */
export function createReader(deps: {
  readonly stateDir: string
  readonly memoryFile: () => number
  readonly program?: Program
}): ReadSource {
  const run: ReadSource = async ({ job, ...held }, signal) => {
    signal.throwIfAborted()
    const [state, snapshot] = [held.state(), held.snapshot()]
    const [directoryOut, stateOut] = [holdBytes(deps.memoryFile()), holdBytes(deps.memoryFile())]
    try {
      const inputs = [state?.fd ?? 'ignore', snapshot?.fd ?? 'ignore'] as const
      const fds = [directoryOut.fd, stateOut.fd, ...inputs]
      const child = start(deps.program, fds)
      const message = {
        ...{ job, stateDir: deps.stateDir },
        ...{ hasState: state !== undefined, hasSnapshot: snapshot !== undefined },
      }
      const { answer, directorySize, stateSize } = await answerOf(child, message, signal)
      const directory = directorySize > 0 ? await directoryOut.whole() : undefined
      if (directory === undefined) directoryOut.close()
      if (stateSize === 0) stateOut.close()
      return {
        answer,
        ...(directory === undefined ? {} : { directory, snapshot: directoryOut }),
        ...(stateSize > 0 ? { state: stateOut } : {}),
      }
    } catch (error) {
      directoryOut.close()
      stateOut.close()
      throw error
    }
  }
  let running: Promise<unknown> = Promise.resolve()
  return (input, signal) => {
    const next = running.then(() => run(input, signal))
    running = next.catch(() => undefined)
    return next
  }
}

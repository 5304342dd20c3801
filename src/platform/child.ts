// Starts a process of our own beside the resolver, with a channel of messages.
import { fork, type ChildProcess } from 'node:child_process'
import { entryPath } from './package.ts'

/** Tests start another program, or give it less memory. */
export type Program = { readonly execPath?: string; readonly execArgv?: readonly string[] }

export type ChildOptions = {
  readonly program?: Program | undefined
  readonly execArgv?: readonly string[]
  /** What the process finds at the descriptors from 4 on. */
  readonly fds?: readonly (number | 'ignore')[]
}

/**
 * Starts the entry `name` of src/, or of dist/ when built. Its stderr is the resolver's.
 * @throws {Error} when it cannot be started at once; later failures are the events of the result
 */
export function startChild(
  name: string,
  { program = {}, execArgv = [], fds = [] }: ChildOptions = {},
): ChildProcess {
  return fork(entryPath(name), [], {
    ...program,
    execArgv: [...execArgv, ...(program.execArgv ?? [])],
    env: { ...process.env, NODE_OPTIONS: undefined },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...fds],
  })
}

/** A child process ended without an answer. `message` says how, as in "its process ended with SIGKILL". */
export class ChildLost extends Error {
  override readonly name = 'ChildLost'
}

type Exit = { readonly code: number | null; readonly by: NodeJS.Signals | null }

/** Resolves when the child process is gone and its last message is here. */
async function endOf(child: ChildProcess): Promise<Exit> {
  const gone = new Promise<void>((resolve) => {
    if (child.connected) child.once('disconnect', resolve)
    else resolve()
  })
  const exit = await new Promise<Exit>((resolve) => {
    child.once('exit', (code, by) => {
      resolve({ code, by })
    })
    // A process that could not start has no exit.
    if (child.pid === undefined) resolve({ code: null, by: null })
  })
  await gone
  return exit
}

function lostBy(
  { code, by }: Exit,
  { child, signal, failure }: { child: ChildProcess; signal: AbortSignal; failure: unknown },
): ChildLost {
  if (signal.aborted)
    return new ChildLost('it took too long, or nobody waits any more', { cause: signal.reason })
  const what =
    child.pid === undefined
      ? 'its process cannot be started'
      : `its process ended with ${by ?? `status ${String(code)}`} and no answer`
  return new ChildLost(what, { cause: failure })
}

/**
 * Sends `message` to a child process that answers once and ends; resolves with the answer once it has ended.
 * @param signal kills it
 * @throws {ChildLost} when it ended without an answer
 */
export async function askOnce(
  child: ChildProcess,
  message: object,
  signal: AbortSignal,
): Promise<unknown> {
  let answer: unknown
  let failure: unknown
  const note = (error: Error | null): void => {
    failure ??= error ?? undefined
  }
  const abort = (): void => {
    child.kill('SIGKILL')
  }
  child.on('error', note)
  child.on('message', (said) => {
    answer = said
  })
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  child.send(message, note)
  const exit = await endOf(child)
  signal.removeEventListener('abort', abort)
  if (answer === undefined) throw lostBy(exit, { child, signal, failure })
  return answer
}

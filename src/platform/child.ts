// Starts a process of our own beside the resolver, with a channel of messages.
import { fork, type ChildProcess } from 'node:child_process'

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
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fork(new URL(`../${name}.${extension}`, import.meta.url), [], {
    ...program,
    execArgv: [...execArgv, ...(program.execArgv ?? [])],
    env: { ...process.env, NODE_OPTIONS: undefined },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...fds],
  })
}

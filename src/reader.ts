// ENTRY of the child process that does one job of refresh/job.ts and ends: refresh/reader.ts starts it.
import { writeFileSync, writeSync } from 'node:fs'
import { setPriority } from 'node:os'
import { holdBytes } from './platform/held-bytes.ts'
import { createLocalAccounts } from './platform/local-accounts.ts'
import { loadState } from './refresh/load-state.ts'
import { read } from './refresh/read.ts'
import { childFd, type FromChild, type ToChild } from './refresh/reader.ts'
import { encodeState } from './refresh/state.ts'
import { createSource } from './sources/create.ts'
import { originOf } from './sources/origin.ts'
import { rulesOf } from './sources/rules.ts'

/** Lookups of the resolver come first where both want the processor; nice(2). */
const niceness = 10
/** Where memory is short the kernel ends this process before the resolver; proc_pid_oom_score_adj(5). */
const oomScore = '800'

function stepBack(): void {
  try {
    setPriority(niceness)
    writeFileSync('/proc/self/oom_score_adj', oomScore)
  } catch {
    // Without it the job is done all the same.
  }
}

/** Writes all of `bytes` at the beginning of the file; gives the size. */
function put(fd: number, bytes: Buffer | undefined): number {
  let at = 0
  while (bytes !== undefined && at < bytes.length)
    at += writeSync(fd, bytes, at, bytes.length - at, at)
  return at
}

async function work(message: ToChild): Promise<FromChild> {
  const { job } = message
  const { answer, directory, state } = await read(job, {
    source: await createSource(job.config, { bodies: new Map() }),
    rules: rulesOf,
    host: createLocalAccounts(),
    state: async () =>
      message.hasState
        ? loadState(
            await holdBytes(childFd.oldState).whole(),
            originOf(job.config),
            message.stateDir,
          )
        : undefined,
    snapshot: () =>
      message.hasSnapshot ? holdBytes(childFd.oldSnapshot).whole() : Promise.resolve(undefined),
    encodeState: (saved) => encodeState(saved, originOf(job.config)),
    // The resolver ends this process when it waits no longer.
    signal: new AbortController().signal,
  })
  return {
    answer,
    directorySize: put(childFd.directory, directory),
    stateSize: put(childFd.state, state),
  }
}

stepBack()
// The resolver is gone: no process waits for the answer.
process.once('disconnect', () => process.exit(1))
process.once('message', (message: ToChild) => {
  work(message)
    .then((answer) => {
      process.send?.(answer, () => process.exit(0))
    })
    .catch((error: unknown) => {
      process.stderr.write(`iamlogind: reading the source failed: ${String(error)}\n`)
      process.exit(1)
    })
})

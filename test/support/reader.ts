// The work of the child process in the process of the test: the same code, without a fork.
import type { HostAccounts, DirectoryRules } from '../../src/directory/types.ts'
import type { HeldBytes } from '../../src/platform/held-bytes.ts'
import { read, type ReadParts } from '../../src/refresh/read.ts'
import type { ReadSource } from '../../src/refresh/reader.ts'
import { decodeState, encodeState } from '../../src/refresh/state.ts'

/** Bytes as a descriptor would hold them. */
export function heldBytes(bytes: Buffer): HeldBytes {
  return {
    fd: -1,
    whole: () => Promise.resolve(Buffer.from(bytes)),
    close: () => undefined,
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve(bytes)
    },
  }
}

/** A reader that rejects as soon as nobody waits any more, as the end of the process makes it. */
export function readerOf(parts: {
  readonly source: ReadParts['source']
  readonly rules: () => DirectoryRules
  readonly host: () => HostAccounts
}): ReadSource {
  const origin = 'iam'
  return async ({ job, ...held }, signal) => {
    signal.throwIfAborted()
    const state = await held.state()?.whole()
    const snapshot = await held.snapshot()?.whole()
    const aborted = Promise.withResolvers<never>()
    signal.addEventListener('abort', () => {
      aborted.reject(new Error('nobody waits any more'))
    })
    const work = read(job, {
      ...parts,
      rules: () => Promise.resolve(parts.rules()),
      state: () => Promise.resolve(state && decodeState(state, origin)),
      snapshot: () => Promise.resolve(snapshot),
      encodeState: (saved) => encodeState(saved, origin),
      signal,
    })
    const { answer, directory, state: next } = await Promise.race([work, aborted.promise])
    return {
      answer,
      ...(directory === undefined
        ? {}
        : { directory: ownBuffer(directory), snapshot: heldBytes(Buffer.from(directory)) }),
      ...(next === undefined ? {} : { state: heldBytes(next) }),
    }
  }
}

/** In an ArrayBuffer of its own, as the resolver reads it. */
function ownBuffer(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

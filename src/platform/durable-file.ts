// A file of the state directory that must say what is true: a write that failed is tried until it
// holds, and what cannot be replaced while it says more than is true is taken away.
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { replaceFile, wholeOf, withdrawFile, type Bytes, type FileForm } from './replace-file.ts'

/** A write that has not succeeded yet. */
export type OwedWrite = {
  readonly file: string
  /** Of the first try that failed, milliseconds since the epoch. */
  readonly since: number
  readonly error: string
  /**
   * What is there meanwhile. older: what was written last, which grants nothing that was taken away;
   * none: nothing; wrong: what grants too much, and cannot be removed either.
   */
  readonly onDisk: 'older' | 'none' | 'wrong'
}

export type Content = {
  /** May be asked for its parts more than once. */
  readonly bytes: Bytes
  /** Called when the file holds the bytes. */
  readonly written?: () => void
  /** Called when the bytes are not needed any more, written or not. */
  readonly done?: () => void
}

export type DurableFile = {
  /** Without its folder. */
  readonly name: string
  /**
   * Says what the file is to hold from now on; resolves after a try, true when the file holds it.
   * Never rejects. While one is written, those who come share the next write.
   * @param encode called at each try: gives what is true then
   */
  readonly put: (encode: () => Promise<Content>) => Promise<boolean>
  /** Tries again what is owed, and writes anew what another hand replaced or removed. */
  readonly settle: () => Promise<void>
  readonly owed: () => OwedWrite | undefined
  /** Resolves when no write is under way. */
  readonly idle: () => Promise<void>
  /** Waits for the write under way; nothing is written afterwards. */
  readonly close: () => Promise<void>
}

const firstRetryMs = 2_000
const longestRetryMs = 30_000

/** Runs `run` one at a time; whoever comes meanwhile shares the next run. */
function createTurns(run: () => Promise<void>): {
  readonly next: () => Promise<void>
  readonly idle: () => Promise<void>
} {
  let running: Promise<void> | undefined
  let waiting: Promise<void> | undefined
  const start = (): Promise<void> => {
    running = run().finally(() => {
      running = undefined
    })
    return running
  }
  return {
    next: () => {
      if (running === undefined) return start()
      waiting ??= running.then(() => {
        waiting = undefined
        return start()
      })
      return waiting
    },
    idle: () => waiting ?? running ?? Promise.resolve(),
  }
}

/** What tells one file from another that took its place. */
async function markOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    return String(error)
  }
}

const told: Readonly<Record<OwedWrite['onDisk'], string>> = {
  older: 'the file of before stays, which grants nothing that was taken away',
  none: 'there is none meanwhile, because the one of before granted what was taken away',
  wrong:
    'the file of before GRANTS WHAT WAS TAKEN AWAY and cannot be removed: while the resolver does not run, and after a restart without the source, it is believed',
}

/** Makes the writer of one file; nothing is written before put(). */
export function createDurableFile(
  deps: FileForm & {
    /** Whether what is on disk grants anything that `wanted` does not; damaged: it grants nothing. */
    readonly saysMore: (onDisk: Buffer, wanted: Buffer) => Promise<boolean>
    readonly clock: Clock
    readonly log: Log
  },
): DurableFile {
  const { path, clock, log } = deps
  let encode: (() => Promise<Content>) | undefined
  let wanted = 0
  let written = 0
  let mark = ''
  let owed: OwedWrite | undefined
  let failures = 0
  let triedAt = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | undefined
  let closed = false

  const saysMore = async (bytes: Bytes): Promise<boolean> => {
    try {
      return await deps.saysMore(await readFile(path), await wholeOf(bytes))
    } catch (error) {
      // What cannot be read here may be readable for others.
      return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
    }
  }

  /** What is left there after a write that failed: nothing that says more than is true, if possible. */
  const leave = async (bytes: Bytes): Promise<OwedWrite['onDisk']> => {
    if (await saysMore(bytes)) {
      try {
        await withdrawFile(deps)
      } catch (error) {
        log.debug({ err: error }, `removing ${path} failed`)
        return 'wrong'
      }
      return 'none'
    }
    return (await markOf(path)).startsWith('Error') ? 'none' : 'older'
  }

  const fail = (error: unknown, onDisk: OwedWrite['onDisk']): void => {
    const file = basename(path)
    const isNews = owed?.onDisk !== onDisk
    const text = error instanceof Error ? error.message : String(error)
    owed = { file, since: owed?.since ?? clock.now(), error: text, onDisk }
    if (isNews)
      log.error(
        { err: error, file },
        `writing ${path} failed and is tried until it succeeds; ${told[onDisk]}`,
      )
    cancel?.()
    const delay = Math.min(firstRetryMs * 2 ** failures++, longestRetryMs)
    triedAt = clock.monotonic()
    if (!closed) cancel = clock.after(delay, () => void turns.next())
  }

  const attempt = async (): Promise<void> => {
    if (encode === undefined) return
    const version = wanted
    let content: Content | undefined
    try {
      content = await encode()
      await replaceFile(deps, content.bytes)
    } catch (error) {
      fail(error, content === undefined ? (owed?.onDisk ?? 'older') : await leave(content.bytes))
      return
    } finally {
      content?.done?.()
    }
    written = version
    mark = await markOf(path)
    content.written?.()
    if (owed !== undefined) log.info({ file: owed.file }, `${path} is written again`)
    owed = undefined
    failures = 0
    cancel?.()
  }
  const turns = createTurns(() => (closed ? Promise.resolve() : attempt()))

  return {
    name: basename(path),
    owed: () => owed,
    idle: turns.idle,
    put: async (next) => {
      encode = next
      const version = ++wanted
      await turns.next()
      return written >= version
    },
    settle: async () => {
      await turns.idle()
      if (closed || encode === undefined) return
      if (owed === undefined) {
        if ((await markOf(path)) === mark) return
        log.warn({ file: basename(path) }, `${path} was changed by another hand: written anew`)
      } else if (clock.monotonic() - triedAt < firstRetryMs / 2) return
      await turns.next()
    },
    close: async () => {
      const last = turns.idle()
      cancel?.()
      await last
      closed = true
      cancel?.()
    },
  }
}

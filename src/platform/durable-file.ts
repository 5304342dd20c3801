// A file of the state directory that must say what is true: a write that failed is tried until it
// holds, and what cannot be replaced while it says more than is true is taken away.
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import { createSharedRun, type SharedRun } from './shared-run.ts'
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
   * Never rejects. While one is written, callers that come share the next write.
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

export type DurableFileDeps = FileForm & {
  /** Whether what is on disk grants anything that `wanted` does not; damaged: it grants nothing. */
  readonly saysMore: (onDisk: Buffer, wanted: Buffer) => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

type Self = {
  readonly deps: DurableFileDeps
  readonly turns: SharedRun<void>
  encode: (() => Promise<Content>) | undefined
  /** Counts what was to be written, and which of it is. */
  wanted: number
  written: number
  /** Of the file as this writer put it in place. */
  mark: string
  owed: OwedWrite | undefined
  failures: number
  triedAt: number
  cancel: (() => void) | undefined
  isClosed: boolean
}

async function saysMore({ deps }: Self, bytes: Bytes): Promise<boolean> {
  try {
    return await deps.saysMore(await readFile(deps.path), await wholeOf(bytes))
  } catch (error) {
    // What cannot be read here may be readable for others.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}

/** What is left there after a write that failed: nothing that says more than is true, if possible. */
async function leave(self: Self, bytes: Bytes): Promise<OwedWrite['onDisk']> {
  const { deps } = self
  if (await saysMore(self, bytes)) {
    try {
      await withdrawFile(deps)
    } catch (error) {
      deps.log.debug({ err: error }, `removing ${deps.path} failed`)
      return 'wrong'
    }
    return 'none'
  }
  return (await markOf(deps.path)).startsWith('Error') ? 'none' : 'older'
}

function fail(self: Self, error: unknown, onDisk: OwedWrite['onDisk']): void {
  const { path, clock, log } = self.deps
  const file = basename(path)
  const isNews = self.owed?.onDisk !== onDisk
  const text = error instanceof Error ? error.message : String(error)
  self.owed = { file, since: self.owed?.since ?? clock.now(), error: text, onDisk }
  if (isNews)
    log.error(
      { err: error, file },
      `writing ${path} failed and is tried until it succeeds; ${told[onDisk]}`,
    )
  self.cancel?.()
  const delay = Math.min(firstRetryMs * 2 ** self.failures++, longestRetryMs)
  self.triedAt = clock.monotonic()
  if (!self.isClosed) self.cancel = clock.after(delay, () => void self.turns.next())
}

async function attempt(self: Self): Promise<void> {
  const { deps, encode, wanted: version } = self
  if (encode === undefined || self.isClosed) return
  let content: Content | undefined
  try {
    content = await encode()
    await replaceFile(deps, content.bytes)
  } catch (error) {
    const before = self.owed?.onDisk ?? 'older'
    fail(self, error, content === undefined ? before : await leave(self, content.bytes))
    return
  } finally {
    content?.done?.()
  }
  self.written = version
  self.mark = await markOf(deps.path)
  content.written?.()
  if (self.owed !== undefined)
    deps.log.info({ file: self.owed.file }, `${deps.path} is written again`)
  self.owed = undefined
  self.failures = 0
  self.cancel?.()
}

async function settle(self: Self): Promise<void> {
  const { path, clock, log } = self.deps
  await self.turns.idle()
  if (self.isClosed || self.encode === undefined) return
  if (self.owed === undefined) {
    if ((await markOf(path)) === self.mark) return
    log.warn({ file: basename(path) }, `${path} was changed by another hand: written anew`)
  } else if (clock.monotonic() - self.triedAt < firstRetryMs / 2) return
  await self.turns.next()
}

/** Makes the writer of one file; nothing is written before put(). */
export function createDurableFile(deps: DurableFileDeps): DurableFile {
  const none = { encode: undefined, owed: undefined, cancel: undefined, isClosed: false }
  const self: Self = {
    deps,
    turns: createSharedRun(() => attempt(self)),
    ...{ wanted: 0, written: 0, failures: 0, mark: '', triedAt: Number.NEGATIVE_INFINITY },
    ...none,
  }
  const { turns } = self
  return {
    name: basename(deps.path),
    owed: () => self.owed,
    idle: async () => {
      await turns.idle()
    },
    put: async (encode) => {
      self.encode = encode
      const version = ++self.wanted
      await turns.next()
      return self.written >= version
    },
    settle: () => settle(self),
    close: async () => {
      const last = turns.idle()
      self.cancel?.()
      await last
      self.isClosed = true
      self.cancel?.()
    },
  }
}

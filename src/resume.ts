// A resolver that starts again goes on with the very bytes that it served: beside directory.db it keeps what
// it needs of them and no one else (the supplement, the checked configuration, when what was read). Where one
// of the files is another than it was then, the directory is built from directory.json, which takes longer.
import { createHash } from 'node:crypto'
import { fstatSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config/config.ts'
import { configFiles } from './config/files.ts'
import type { Paths } from './config/paths.ts'
import type { UnreadGroup } from './directory/types.ts'
import { savedMoment, wallOf, type Clock } from './platform/clock.ts'
import type { DurableFile } from './platform/durable-file.ts'
import { fileVersion, versionOf } from './platform/file-version.ts'
import type { HeldBytes } from './platform/held-bytes.ts'
import type { Log } from './platform/log.ts'
import { entryPath } from './platform/package.ts'
import { replaceFile } from './platform/replace-file.ts'
import { isAny, isListOf, isNumber, isObject, isText } from './platform/shape.ts'
import type { UnreadOverridesCount } from './refresh/job.ts'
import type { Handover } from './refresh/refresh.ts'
import { holdFile, statePath } from './refresh/state-file.ts'
import { snapshotPath } from './snapshot/publish.ts'
import { openView } from './snapshot/view.ts'

/** What the file holds in front of the supplement. */
type Header = {
  /** The program: another one may need another supplement. */
  readonly program: string
  readonly configVersion: string
  readonly config: Config
  /** Versions of directory.db and directory.json. */
  readonly files: readonly string[]
  /** SHA-256 of the supplement. */
  readonly sum: string
  /** When the source was read, milliseconds since the epoch. */
  readonly readAt: number
  readonly leftOutNames: readonly string[]
  readonly unreadOverrides: UnreadOverridesCount | null
  /** When the groups were read, milliseconds since the epoch. */
  readonly groupsReadAt: Readonly<Record<string, number>>
  readonly unread: readonly UnreadGroup[]
}

/** What a start goes on with at once. */
export type Resumed = {
  readonly config: Config
  readonly handover: Handover
  readonly state: HeldBytes
}

/** The versions of all files of a configuration, as one text; "" where they cannot be told. */
export function configVersionOf(main: string): string {
  try {
    const { files } = configFiles(main)
    return JSON.stringify(files.map((file) => [file, fileVersion(file)]))
  } catch {
    return ''
  }
}

function resumePath(stateDir: string): string {
  return join(stateDir, 'resume.db')
}

function programVersion(): string {
  return fileVersion(entryPath('daemon'))
}

function versionsIn(stateDir: string): readonly string[] {
  return [snapshotPath(stateDir), statePath(stateDir)].map(fileVersion)
}

function sumOf(supplement: Uint8Array): string {
  return createHash('sha256').update(supplement).digest('hex')
}

function headerOf(
  { current, unread }: Handover,
  clock: Clock,
  beside: Pick<Header, 'config' | 'configVersion' | 'files'>,
): Header | undefined {
  if (current === undefined) return undefined
  const { directory, readAt, leftOutNames, unreadOverrides } = current
  const groups = [...(unread?.readAt ?? [])].map(
    ([name, moment]) => [name, wallOf(clock, moment)] as const,
  )
  return {
    ...beside,
    program: programVersion(),
    sum: sumOf(directory.supplement),
    readAt: wallOf(clock, readAt),
    ...{ leftOutNames, unreadOverrides },
    groupsReadAt: Object.fromEntries(groups),
    unread: unread?.unread ?? [],
  }
}

export type ResumeWriter = {
  /** Keeps what is served, once directory.db and directory.json hold it. Never rejects. */
  readonly keep: (handover: Handover) => Promise<void>
}

/** @param deps.files the writers of directory.db and of directory.json */
export function createResumeWriter(deps: {
  readonly stateDir: string
  readonly config: Config
  /** Of the files that `config` was read from; "" keeps nothing. */
  readonly configVersion: string
  readonly files: readonly Pick<DurableFile, 'owed' | 'idle'>[]
  readonly clock: Clock
  readonly log: Log
}): ResumeWriter {
  const { stateDir, config, configVersion, clock, log } = deps
  let kept: readonly string[] = []
  const keep = async (handover: Handover): Promise<void> => {
    await Promise.all(deps.files.map((file) => file.idle()))
    if (configVersion === '' || deps.files.some((file) => file.owed() !== undefined)) return
    const files = versionsIn(stateDir)
    const header = headerOf(handover, clock, { config, configVersion, files })
    const directory = handover.current?.directory
    if (header === undefined || directory === undefined || isDeepStrictEqual(files, kept)) return
    const done = directory.retain()
    try {
      const first = Buffer.from(`${JSON.stringify(header)}\n`)
      await replaceFile({ path: resumePath(stateDir), mode: 0o600 }, [first, directory.supplement])
      kept = files
    } finally {
      done()
    }
  }
  return {
    keep: async (handover) => {
      try {
        await keep(handover)
      } catch (error) {
        log.debug({ err: error }, 'resume.db cannot be written: the next start takes longer')
      }
    },
  }
}

const isHeader = isObject(
  {
    ...{ program: isText, configVersion: isText, files: isListOf(isText), sum: isText },
    readAt: isNumber,
    ...{ leftOutNames: isListOf(isText), unread: isListOf(isAny), config: isAny },
    ...{ unreadOverrides: isAny, groupsReadAt: isAny },
  },
  {},
)

/** The header, and where the supplement begins. @throws {Error} where the bytes are not the file's */
function decode(bytes: Buffer): { readonly header: Header; readonly end: number } {
  const end = bytes.indexOf(10) + 1
  const header: unknown = JSON.parse(bytes.toString('utf8', 0, end))
  if (!isHeader(header)) throw new TypeError('it has another shape than resume.db')
  // What has no shape above was written by this program, of this version (isCurrent).
  return { header: header as Header, end }
}

/** In an ArrayBuffer of their own, as a view wants them. */
function joined(...parts: readonly Uint8Array[]): Buffer {
  const all = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function isCurrent(header: Header, main: string, held: readonly HeldBytes[]): boolean {
  const files = held.map(({ fd }) => versionOf(fstatSync(fd, { bigint: true })))
  return (
    header.program === programVersion() &&
    header.configVersion !== '' &&
    header.configVersion === configVersionOf(main) &&
    isDeepStrictEqual(header.files, files)
  )
}

function handoverOf(
  header: Header,
  bytes: Buffer,
  { snapshot, clock }: { readonly snapshot: HeldBytes; readonly clock: Clock },
): Handover {
  const { leftOutNames, unreadOverrides, unread } = header
  const groups = Object.entries(header.groupsReadAt)
  const readAt = new Map(groups.map(([name, wall]) => [name, savedMoment(clock, wall)]))
  return {
    current: {
      // Larger than any of an earlier run: lists that span a restart end there.
      generation: Math.floor(clock.now() / 1000),
      directory: openView(bytes),
      readAt: savedMoment(clock, header.readAt),
      ...{ leftOutNames, unreadOverrides },
    },
    savedReadAt: Number.NEGATIVE_INFINITY,
    doubt: undefined,
    unread: { readAt, unread },
    snapshot,
  }
}

/** What the last run served, where nothing of it is another by now; undefined otherwise. Never rejects. */
export async function loadResume(
  { config, stateDir }: Pick<Paths, 'config' | 'stateDir'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Resumed | undefined> {
  const paths = [resumePath(stateDir), snapshotPath(stateDir), statePath(stateDir)]
  const [own, snapshot, state] = await Promise.all(paths.map(holdFile))
  let resumed: Resumed | undefined
  try {
    if (own === undefined || snapshot === undefined || state === undefined) return undefined
    const [bytes, directory] = await Promise.all([own.whole(), snapshot.whole()])
    const { header, end } = decode(bytes)
    if (!isCurrent(header, config, [snapshot, state])) return undefined
    const supplement = bytes.subarray(end)
    if (header.sum !== sumOf(supplement)) throw new TypeError('its supplement has another sum')
    const all = joined(directory, supplement)
    resumed = {
      config: header.config,
      handover: handoverOf(header, all, { snapshot, clock }),
      state,
    }
    return resumed
  } catch (error) {
    log.debug(
      { err: error },
      'resume.db cannot be used: the directory is built from directory.json',
    )
    return undefined
  } finally {
    own?.close()
    if (resumed === undefined) for (const held of [snapshot, state]) held?.close()
  }
}

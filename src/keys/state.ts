// The last known keys on disk: logins go on when the resolver restarts while the source is away
// (keys.json), and while it does not run (keys.db).
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '../errors.ts'
import type { Clock } from '../platform/clock.ts'
import { createDurableFile, type DurableFile } from '../platform/durable-file.ts'
import type { Log } from '../platform/log.ts'
import { readIfThere } from '../platform/read-if-there.ts'
import { setAside } from '../platform/set-aside.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import { decodeKnownKeys, opensMore, personKind, type KnownKeys } from './known-keys.ts'
import { decodeSaved, encodeSaved, type SavedCredentials } from './saved.ts'

export type { SavedCredentials } from './saved.ts'

export type KeysFile = {
  /**
   * Undefined where there is no file; nobody where it was read from another source than this one.
   * @throws {FormatError} when the file is there but cannot be used; it is set aside.
   */
  readonly load: () => Promise<readonly SavedCredentials[] | undefined>
  /**
   * What keys.db gives back of a keys.json that is lost; undefined where it cannot be used.
   * @param offlineMs `source.offline` by which the file was written
   * @param idOf SourceUser.id of a uid of this host
   */
  readonly salvage: (
    offlineMs: number,
    idOf: (uid: number) => string | undefined,
  ) => Promise<readonly SavedCredentials[] | undefined>
  /** Writes keys.json with what `people` gives; each of its tries asks anew. */
  readonly save: (people: () => readonly SavedCredentials[]) => Promise<void>
  /** Puts keys.db in place. */
  readonly publish: (encode: () => Promise<Buffer>) => Promise<void>
  readonly files: readonly DurableFile[]
}

type Openings = {
  /** What opens doors. */
  readonly keys: ReadonlySet<string>
  /** SourceUser.id of everybody who was read. */
  readonly ids: ReadonlySet<string>
  /** Of those without an active key: while the source is away cron and su refuse them. */
  readonly shut: readonly string[]
}

function openingsOf(bytes: Buffer): Openings {
  const { people } = decodeSaved(bytes.toString('utf8'))
  const active = people.map(({ id, credentials: { keys, mfa } }) => ({
    ...{ id, mfa },
    keys: keys.filter((key) => key.inactive !== true),
  }))
  return {
    keys: new Set(
      active.flatMap(({ id, keys, mfa }) => [
        ...keys.map((key) => `${id} ${key.id} ${key.body}`),
        ...(mfa === true ? [`${id} mfa`] : []),
      ]),
    ),
    ids: new Set(active.map(({ id }) => id)),
    shut: active.flatMap(({ id, keys }) => (keys.length === 0 ? [id] : [])),
  }
}

/** Whether one keys.json opens what the other does not; a damaged one opens nothing. */
export function savesMore(onDisk: Buffer, wanted: Buffer): boolean {
  let before: Openings
  try {
    before = openingsOf(onDisk)
  } catch {
    return false
  }
  const now = openingsOf(wanted)
  return (
    [...before.keys].some((key) => !now.keys.has(key)) || now.shut.some((id) => !before.ids.has(id))
  )
}

function originOf(id: string): 'iam' | 'tag' | 'file' {
  return id.startsWith('tag:') ? 'tag' : id.startsWith('file:') ? 'file' : 'iam'
}

/** A person who has no key, and may not enter, until the source says otherwise. */
function shutPerson(id: string, fetchedAt: number): SavedCredentials {
  return { id, fetchedAt, credentials: { keys: [] }, isUnsure: true }
}

/**
 * The people of a directory of whose keys nothing is known any more: keys.json and keys.db are only missing
 * where they opened what was taken away and could not be replaced, as on a full disk.
 * @param readAt when the directory was read, milliseconds since the epoch
 */
export function shutPeople(
  directory: Pick<DirectoryView, 'account' | 'userCount' | 'sharedAccounts'>,
  readAt: number,
): readonly SavedCredentials[] {
  const users = Array.from({ length: directory.userCount }, (_, at) => directory.account(at)?.user)
  const sharers = Object.values(directory.sharedAccounts()).flat()
  const ids = new Set([...users, ...sharers].flatMap((user) => user?.id ?? []))
  return [...ids].map((id) => shutPerson(id, readAt))
}

/**
 * The people of a keys.db. It tells until when a key serves, not when it was read: not later than
 * source.offline before that. Whether a person has an MFA device it does not tell; a person who may not
 * enter by what was read last is there by uid alone, and stays without keys until the source is asked.
 */
export function peopleOf(
  known: readonly KnownKeys[],
  times: { readonly offlineMs: number; readonly notAfter: number },
  idOf: (uid: number) => string | undefined,
): readonly SavedCredentials[] {
  const people = new Map<string, SavedCredentials>()
  for (const { uid, kind, keys } of known) {
    const shut = kind === personKind && keys.length === 0 ? idOf(uid) : undefined
    if (shut !== undefined) people.set(shut, shutPerson(shut, times.notAfter))
    for (const { owner, id, line, until } of keys) {
      const [type = '', blob = ''] = line.split(' ')
      const before = people.get(owner.id)
      if (before?.credentials.keys.some((key) => key.id === id) === true) continue
      const fetchedAt = Math.min(
        until - times.offlineMs,
        times.notAfter,
        before?.fetchedAt ?? until,
      )
      const key = { id, origin: originOf(id), body: `${type} ${blob}` }
      const all = [...(before?.credentials.keys ?? []), key]
      people.set(owner.id, { id: owner.id, fetchedAt, credentials: { keys: all } })
    }
  }
  return [...people.values()]
}

async function loadSaved(
  path: string,
  origin: string,
): Promise<readonly SavedCredentials[] | undefined> {
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  try {
    const saved = decodeSaved(text)
    return (saved.origin ?? origin) === origin ? saved.people : []
  } catch (error) {
    await setAside(path)
    throw new FormatError('format_state', `reading ${path}: it is damaged or of another version`, {
      hint: `what keys.db tells serves until the source is asked; the file is kept as ${path}.damaged`,
      cause: error,
    })
  }
}

/** `keys.json` and `keys.db` in `stateDir`. */
export function createKeysFile(
  stateDir: string,
  origin: string,
  deps: { readonly clock: Clock; readonly log: Log },
): KeysFile {
  const path = join(stateDir, 'keys.json')
  const json = createDurableFile({
    ...deps,
    path,
    mode: 0o600,
    saysMore: (onDisk, wanted) => Promise.resolve(savesMore(onDisk, wanted)),
  })
  const dbPath = join(stateDir, 'keys.db')
  const db = createDurableFile({
    ...deps,
    path: dbPath,
    mode: 0o600,
    saysMore: (onDisk, wanted) => Promise.resolve(opensMore(onDisk, wanted)),
  })
  return {
    files: [json, db],
    load: () => loadSaved(path, origin),
    salvage: async (offlineMs, idOf) => {
      try {
        const { mtimeMs } = await stat(dbPath)
        const times = { offlineMs, notAfter: Math.floor(mtimeMs) }
        return peopleOf(decodeKnownKeys(await readFile(dbPath)), times, idOf)
      } catch {
        return undefined
      }
    },
    save: async (people) => {
      await json.put(() => Promise.resolve({ bytes: encodeSaved(people(), origin) }))
    },
    publish: async (spell) => {
      await db.put(async () => ({ bytes: await spell() }))
    },
  }
}

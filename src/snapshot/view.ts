// Looks users and groups up in the bytes of directory.db where they are: the resolver has no other copy
// of its directory. Bounds, sums and probing are those of native/common/snapshot.c.
import type { Account, Group, Passwd, SourceUser } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { createReader, type Reader } from '../wire/bytes.ts'
import { headerSize, probesMax } from './format.ts'
import { recordHeader } from './record.ts'
import { sumOf } from './sum.ts'
import { hashOfText, openSupplement, type DirectoryReport, type Supplement } from './supplement.ts'

/** The hash tables, in the order of the header; native/common/snapshot.h. */
const tableAt = { userNames: 56, uids: 64, groupNames: 72, gids: 80, localNames: 88 } as const
const listAt = { users: [48, 96], groups: [52, 100] } as const
const slotSize = 8

export type DirectoryView = {
  /** The bytes of directory.db themselves. */
  readonly snapshot: Buffer
  /** The bytes of the resolver's supplement after them; none where there is none. */
  readonly supplement: Buffer
  readonly userCount: number
  readonly groupCount: number
  readonly accountByName: (name: string) => Account | undefined
  readonly accountByUid: (uid: number) => Account | undefined
  /** By the immutable id of the source. */
  readonly accountById: (id: string) => Account | undefined
  readonly groupByName: (name: string) => Group | undefined
  readonly groupByGid: (gid: number) => Group | undefined
  /** Every gid of the user, the primary one first; undefined for a name that no user here has. */
  readonly initgroups: (name: string) => readonly number[] | undefined
  /** Whether the name is local or reserved, so that no user and no group of IAM gets it. */
  readonly isLocalName: (name: string) => boolean
  /** The index-th user or group; undefined past the last. */
  readonly account: (index: number) => Account | undefined
  readonly group: (index: number) => Group | undefined
  /** The people who may log in to a local account; undefined where it is not shared. */
  readonly sharersOf: (account: string) => readonly SourceUser[] | undefined
  readonly sharedAccounts: () => Readonly<Record<string, readonly SourceUser[]>>
  /** Whether the uid was ever given to a person of the source. */
  readonly wasGiven: (uid: number) => boolean
  /** Whether the person is known from an earlier read alone; another id may, rarely, have the same hash. */
  readonly isKept: (id: string) => boolean
  readonly report: () => DirectoryReport
  /** Keeps the memory over a release(), until the result is called: for work that waits in between. */
  readonly retain: () => () => void
  /** Gives the memory back, once no work retains it; each use of the view throws from then on. */
  readonly release: () => void
}

/** What one user record holds. */
export type UserRecord = Account & { readonly gids: readonly number[] }

export function damaged(what: string): FormatError {
  return new FormatError('format_state', `reading directory.db: ${what}`, {
    hint: 'the resolver writes it anew',
  })
}

/** The payload of the record at `offset`, its bounds and sum checked. */
export function payloadAt(bytes: Buffer, offset: number): Buffer {
  if (offset < headerSize || offset % 4 !== 0 || offset > bytes.length - recordHeader)
    throw damaged('a record lies outside')
  const end = offset + recordHeader + bytes.readUInt32LE(offset + 4)
  if (end > bytes.length) throw damaged('a record ends outside')
  if (sumOf(bytes, offset + 4, end) !== bytes.readUInt32LE(offset))
    throw damaged('a record has another sum')
  return bytes.subarray(offset + recordHeader, end)
}

/** The name in IAM is the last part of an ARN; IAM User Guide, "IAM identifiers". */
function nameOfArn(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

/** The file of an older resolver ends after the ARN. */
function readPerson(reader: Reader): SourceUser {
  const [id, arn] = [reader.str(), reader.str()]
  if (reader.left() === 0) return { id, arn, name: nameOfArn(arn), createdAt: 0 }
  return { id, arn, name: reader.str(), createdAt: Number(reader.i64()) }
}

/** One user record. @throws {FormatError} when it is not what native/common/snapshot.h says */
export function readUser(payload: Buffer): UserRecord {
  const reader = createReader(payload)
  const [name, uid, gid] = [reader.str(), reader.u32(), reader.u32()]
  const [gecos, dir, shell] = [reader.str(), reader.str(), reader.str()]
  const passwd: Passwd = { name, uid, gid, gecos, dir, shell }
  const gids = reader.list(reader.u32)
  const user = readPerson(reader)
  reader.end()
  return { passwd, user, gids }
}

/** One group record. @throws {FormatError} when it is not what native/common/snapshot.h says */
export function readGroup(payload: Buffer): Group {
  const reader = createReader(payload)
  const group = { name: reader.str(), gid: reader.u32(), members: reader.list(reader.str) }
  reader.end()
  return group
}

/** What a lookup looks for, and how a payload's own key is read. */
type Key = {
  readonly hash: number
  readonly isOf: (payload: Buffer) => boolean
  readonly hashOf: (payload: Buffer) => number
}

/** Where the id begins in a payload, which begins with a name. */
function idAt(payload: Buffer): number {
  return 2 + payload.readUInt16LE(0)
}

function nameKey(name: string): Key {
  const key = Buffer.from(name)
  return {
    hash: sumOf(key, 0, key.length),
    isOf: (payload) => key.equals(payload.subarray(2, idAt(payload))),
    hashOf: (payload) => sumOf(payload, 2, idAt(payload)),
  }
}

const idBytes = Buffer.alloc(4)

function idKey(id: number): Key {
  idBytes.writeUInt32LE(id)
  return {
    hash: sumOf(idBytes, 0, 4),
    isOf: (payload) => payload.readUInt32LE(idAt(payload)) === id,
    hashOf: (payload) => sumOf(payload, idAt(payload), idAt(payload) + 4),
  }
}

function personKey(id: string): Key {
  const hash = hashOfText(id)
  return {
    hash,
    isOf: (payload) => readUser(payload).user.id === id,
    hashOf: (payload) => hashOfText(readUser(payload).user.id),
  }
}

type Table = { readonly offset: number; readonly slots: number }

/**
 * The payload that a table has under a key; undefined where it proves that there is none.
 * @throws {FormatError} where it proves neither
 */
function probe(bytes: Buffer, { offset: start, slots }: Table, key: Key): Buffer | undefined {
  const mask = slots - 1
  for (let tries = 0; tries <= mask && tries < probesMax; tries++) {
    const slot = start + ((key.hash + tries) & mask) * slotSize
    const offset = bytes.readUInt32LE(slot + 4)
    if (offset === 0) return undefined
    if (bytes.readUInt32LE(slot) !== key.hash) continue
    const payload = payloadAt(bytes, offset)
    if (key.isOf(payload)) return payload
    if (key.hashOf(payload) !== key.hash) throw damaged('a slot leads to a record of another key')
  }
  throw damaged('a table has no free slot where one must be')
}

/** @throws {FormatError} when the bytes are not those of a whole directory.db */
export function checkHeader(bytes: Buffer): void {
  if (bytes.length < headerSize || bytes.toString('latin1', 0, 8) !== 'IAMLDB1\n')
    throw damaged('it does not begin as one')
  if (sumOf(bytes, 16, headerSize) !== bytes.readUInt32LE(12))
    throw damaged('its header has another sum')
  if (bytes.readBigUInt64LE(16) !== BigInt(bytes.length)) throw damaged('it is cut short')
}

function tableOf(bytes: Buffer, at: number): Table {
  const [offset, slots] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
  const isPower = slots > 0 && (slots & (slots - 1)) === 0
  if (!isPower || offset % 4 !== 0 || offset < headerSize || offset + slots * 8 > bytes.length)
    throw damaged('a table lies outside')
  return { offset, slots }
}

/** The tables of a directory.db, each bound checked once. */
function finderIn(bytes: Buffer): (table: keyof typeof tableAt, key: Key) => Buffer | undefined {
  const tables = {
    userNames: tableOf(bytes, tableAt.userNames),
    uids: tableOf(bytes, tableAt.uids),
    groupNames: tableOf(bytes, tableAt.groupNames),
    gids: tableOf(bytes, tableAt.gids),
    localNames: tableOf(bytes, tableAt.localNames),
  }
  return (table, key) => probe(bytes, tables[table], key)
}

function user(payload: Buffer | undefined): UserRecord | undefined {
  return payload === undefined ? undefined : readUser(payload)
}

function group(payload: Buffer | undefined): Group | undefined {
  return payload === undefined ? undefined : readGroup(payload)
}

type List = { readonly offset: number; readonly count: number }

function listOf(bytes: Buffer, [countAt, offsetAt]: readonly [number, number]): List {
  const [count, offset] = [bytes.readUInt32LE(countAt), bytes.readUInt32LE(offsetAt)]
  if (offset < headerSize || offset + count * 4 > bytes.length) throw damaged('a list lies outside')
  return { offset, count }
}

/** Without a table of ids: one record after the other. */
function accountById(bytes: Buffer, { offset, count }: List, id: string): Account | undefined {
  for (let at = 0; at < count; at++) {
    const found = readUser(payloadAt(bytes, bytes.readUInt32LE(offset + at * 4)))
    if (found.user.id === id) return found
  }
  return undefined
}

/** The part of the bytes that is directory.db, without the resolver's supplement after it. */
export function snapshotOf(all: Buffer): Buffer {
  const size = all.length < headerSize ? all.length : Number(all.readBigUInt64LE(16))
  return size >= headerSize && size <= all.length ? all.subarray(0, size) : all
}

function lifetimeOf({ buffer }: Buffer): Pick<DirectoryView, 'retain' | 'release'> {
  let users = 0
  let isReleased = false
  const free = (): void => {
    if (isReleased && users === 0 && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
  return {
    retain: () => {
      users++
      let isRetained = true
      return () => {
        if (!isRetained) return
        isRetained = false
        users--
        free()
      }
    },
    release: () => {
      isReleased = true
      free()
    },
  }
}

/** Of a directory.db alone. */
const noSupplement: Omit<Supplement, 'ids'> = {
  wasGiven: () => false,
  isKept: () => false,
  sharedAccounts: () => ({}),
  sharersOf: () => undefined,
  report: () => ({ refused: [], notices: [] }),
}

/**
 * Opens the bytes of a directory.db, with or without the resolver's supplement after them. They must not
 * change while the view is used; release() frees their ArrayBuffer, which must be theirs alone.
 * @throws {FormatError} when the header is not that of a directory.db; so does each lookup that meets a
 * damaged record
 */
export function openView(all: Buffer): DirectoryView {
  const bytes = snapshotOf(all)
  checkHeader(bytes)
  const supplement = all.length > bytes.length ? openSupplement(all, bytes.length) : undefined
  const { ids, ...beside } = supplement ?? { ids: undefined, ...noSupplement }
  const [users, groups] = [listOf(bytes, listAt.users), listOf(bytes, listAt.groups)]
  const entry = ({ offset, count }: List, index: number): Buffer | undefined =>
    index < count ? payloadAt(bytes, bytes.readUInt32LE(offset + index * 4)) : undefined
  const find = finderIn(bytes)
  return {
    snapshot: bytes,
    supplement: all.subarray(bytes.length),
    userCount: users.count,
    groupCount: groups.count,
    accountByName: (name) => user(find('userNames', nameKey(name))),
    accountByUid: (uid) => user(find('uids', idKey(uid))),
    accountById: (id) =>
      ids === undefined ? accountById(bytes, users, id) : user(probe(all, ids, personKey(id))),
    groupByName: (name) => group(find('groupNames', nameKey(name))),
    groupByGid: (gid) => group(find('gids', idKey(gid))),
    initgroups: (name) => user(find('userNames', nameKey(name)))?.gids,
    // The id 0 tells a local name from a user's record that a damaged slot leads to.
    isLocalName: (name) => {
      const payload = find('localNames', nameKey(name))
      return payload !== undefined && payload.readUInt32LE(idAt(payload)) === 0
    },
    account: (index) => user(entry(users, index)),
    group: (index) => group(entry(groups, index)),
    ...beside,
    ...lifetimeOf(all),
  }
}

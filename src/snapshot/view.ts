// Looks users and groups up in the bytes of directory.db where they are: the resolver has no other copy
// of its directory. Bounds, sums and probing are those of native/common/snapshot.c.
import type { Account, Group, Passwd, SourceUser } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { createReader, type Reader } from '../wire/bytes.ts'
import { headerSize, probesMax } from './format.ts'
import { recordHeader } from './record.ts'
import { sumOf } from './sum.ts'

/** The hash tables, in the order of the header; native/common/snapshot.h. */
const tableAt = { userNames: 56, uids: 64, groupNames: 72, gids: 80, strangers: 88 } as const
const listAt = { users: [48, 96], groups: [52, 100] } as const
const slotSize = 8

export type DirectoryView = {
  readonly userCount: number
  readonly groupCount: number
  readonly accountByName: (name: string) => Account | undefined
  readonly accountByUid: (uid: number) => Account | undefined
  readonly groupByName: (name: string) => Group | undefined
  readonly groupByGid: (gid: number) => Group | undefined
  /** Every gid of the user, the primary one first; undefined for a name that no user here has. */
  readonly initgroups: (name: string) => readonly number[] | undefined
  /** Whether the name is local or reserved, so that no user and no group of IAM gets it. */
  readonly isStranger: (name: string) => boolean
  /** The index-th user or group; undefined past the last. */
  readonly account: (index: number) => Account | undefined
  readonly group: (index: number) => Group | undefined
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

type List = { readonly offset: number; readonly count: number }

function listOf(bytes: Buffer, [countAt, offsetAt]: readonly [number, number]): List {
  const [count, offset] = [bytes.readUInt32LE(countAt), bytes.readUInt32LE(offsetAt)]
  if (offset < headerSize || offset + count * 4 > bytes.length) throw damaged('a list lies outside')
  return { offset, count }
}

/**
 * Opens the bytes of a directory.db, which must not change while the view is used.
 * @throws {FormatError} when the header is not that of a directory.db; so does each lookup that meets a
 * damaged record
 */
export function openView(bytes: Buffer): DirectoryView {
  checkHeader(bytes)
  const table = (at: number): Table => tableOf(bytes, at)
  const [userNames, uids] = [table(tableAt.userNames), table(tableAt.uids)]
  const [groupNames, gids] = [table(tableAt.groupNames), table(tableAt.gids)]
  const strangers = table(tableAt.strangers)
  const [users, groups] = [listOf(bytes, listAt.users), listOf(bytes, listAt.groups)]

  const byName = (where: Table, name: string): Buffer | undefined =>
    probe(bytes, where, nameKey(name))
  const byId = (where: Table, id: number): Buffer | undefined => probe(bytes, where, idKey(id))
  const entry = ({ offset, count }: List, index: number): Buffer | undefined =>
    index < count ? payloadAt(bytes, bytes.readUInt32LE(offset + index * 4)) : undefined
  const user = (payload: Buffer | undefined): UserRecord | undefined =>
    payload === undefined ? undefined : readUser(payload)
  const group = (payload: Buffer | undefined): Group | undefined =>
    payload === undefined ? undefined : readGroup(payload)

  return {
    userCount: users.count,
    groupCount: groups.count,
    accountByName: (name) => user(byName(userNames, name)),
    accountByUid: (uid) => user(byId(uids, uid)),
    groupByName: (name) => group(byName(groupNames, name)),
    groupByGid: (gid) => group(byId(gids, gid)),
    initgroups: (name) => user(byName(userNames, name))?.gids,
    // The id tells a stranger from a user whose record a damaged slot leads to.
    isStranger: (name) => {
      const payload = byName(strangers, name)
      return payload !== undefined && payload.readUInt32LE(idAt(payload)) === 0
    },
    account: (index) => user(entry(users, index)),
    group: (index) => group(entry(groups, index)),
  }
}

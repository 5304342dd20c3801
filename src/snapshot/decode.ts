// The bytes of directory.db -> what they say; every sum and bound is checked, native/common/snapshot.h.
import { pace, type Steps } from '../directory/steps.ts'
import type { Group, Passwd } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { createReader, type Reader } from '../wire/bytes.ts'
import { headerSize } from './format.ts'
import { recordHeader } from './record.ts'
import { sumOf } from './sum.ts'

export type SnapshotPerson = {
  readonly passwd: Passwd
  /** The primary one first. */
  readonly gids: readonly number[]
  /** SourceUser.id */
  readonly id: string
  readonly arn: string
}

export type SnapshotContent = {
  /** Milliseconds since the epoch. */
  readonly readAt: number
  readonly people: readonly SnapshotPerson[]
  readonly groups: readonly Group[]
}

function damaged(what: string): FormatError {
  return new FormatError('format_state', `reading directory.db: ${what}`, {
    hint: 'the resolver writes it anew',
  })
}

/** The payload of the record at `offset`. */
function payloadOf(bytes: Buffer, offset: number): Reader {
  if (offset < headerSize || offset % 4 !== 0 || offset > bytes.length - recordHeader)
    throw damaged('a record lies outside')
  const length = bytes.readUInt32LE(offset + 4)
  const end = offset + recordHeader + length
  if (end > bytes.length) throw damaged('a record ends outside')
  if (sumOf(bytes, offset + 4, end) !== bytes.readUInt32LE(offset))
    throw damaged('a record has another sum')
  return createReader(bytes.subarray(offset + recordHeader, end))
}

function person(reader: Reader): SnapshotPerson {
  const [name, uid, gid] = [reader.str(), reader.u32(), reader.u32()]
  const [gecos, dir, shell] = [reader.str(), reader.str(), reader.str()]
  const gids = reader.list(reader.u32)
  const [id, arn] = [reader.str(), reader.str()]
  return { passwd: { name, uid, gid, gecos, dir, shell }, gids, id, arn }
}

function group(reader: Reader): Group {
  return { name: reader.str(), gid: reader.u32(), members: reader.list(reader.str) }
}

function* listAt<T>(
  bytes: Buffer,
  [countAt, offsetAt]: readonly [number, number],
  decode: (reader: Reader) => T,
): Steps<readonly T[]> {
  const count = bytes.readUInt32LE(countAt)
  const list = bytes.readUInt32LE(offsetAt)
  if (list < headerSize || count * 4 > bytes.length - list) throw damaged('a list lies outside')
  const items: T[] = []
  const due = pace()
  for (let each = 0; each < count; each++) {
    const reader = payloadOf(bytes, bytes.readUInt32LE(list + each * 4))
    items.push(decode(reader))
    reader.end()
    if (due()) yield
  }
  return items
}

/**
 * The whole file, in steps.
 * @throws {FormatError} when anything in it is not what a reader believes.
 */
export function* decodeSteps(bytes: Buffer): Steps<SnapshotContent> {
  if (bytes.length < headerSize || bytes.toString('latin1', 0, 8) !== 'IAMLDB1\n')
    throw damaged('it does not begin as one')
  if (sumOf(bytes, 16, headerSize) !== bytes.readUInt32LE(12))
    throw damaged('its header has another sum')
  if (bytes.readBigUInt64LE(16) !== BigInt(bytes.length)) throw damaged('it is cut short')
  return {
    readAt: Number(bytes.readBigInt64LE(32)),
    people: yield* listAt(bytes, [48, 96], person),
    groups: yield* listAt(bytes, [52, 100], group),
  }
}

/** What somebody is given: an account, a membership. */
function* rightsOf({ people, groups }: SnapshotContent): Steps<ReadonlySet<string>> {
  const rights = new Set<string>()
  const due = pace()
  for (const { passwd, gids, id } of people) {
    rights.add(`${passwd.name} ${passwd.uid} ${id}`)
    for (const gid of gids) rights.add(`${passwd.name} in ${gid}`)
    if (due()) yield
  }
  for (const { name, gid, members } of groups)
    for (const member of members) {
      rights.add(`${member} in ${name} ${gid}`)
      if (due()) yield
    }
  return rights
}

/** Whether one directory.db has people or memberships that the other has not; a damaged one has none. */
export function* saysMoreSteps(onDisk: Buffer, wanted: Buffer): Steps<boolean> {
  let before: SnapshotContent
  try {
    before = yield* decodeSteps(onDisk)
  } catch {
    return false
  }
  const now = yield* rightsOf(yield* decodeSteps(wanted))
  for (const right of yield* rightsOf(before)) if (!now.has(right)) return true
  return false
}

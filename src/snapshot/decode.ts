// The bytes of directory.db -> what they say; every sum and bound is checked, native/common/snapshot.h.
import type { Group } from '../directory/types.ts'
import { headerSize } from './format.ts'
import { checkHeader, damaged, payloadAt, readGroup, readUser, type UserRecord } from './view.ts'

export type SnapshotContent = {
  /** Milliseconds since the epoch. */
  readonly readAt: number
  readonly people: readonly UserRecord[]
  readonly groups: readonly Group[]
}

function listAt<T>(
  bytes: Buffer,
  [countAt, offsetAt]: readonly [number, number],
  decode: (payload: Buffer) => T,
): readonly T[] {
  const count = bytes.readUInt32LE(countAt)
  const list = bytes.readUInt32LE(offsetAt)
  if (list < headerSize || count * 4 > bytes.length - list) throw damaged('a list lies outside')
  const items: T[] = []
  for (let each = 0; each < count; each++) {
    items.push(decode(payloadAt(bytes, bytes.readUInt32LE(list + each * 4))))
  }
  return items
}

/**
 * The whole file, in steps.
 * @throws {FormatError} when anything in it is not what a reader believes.
 */
export function decodeSnapshot(bytes: Buffer): SnapshotContent {
  checkHeader(bytes)
  return {
    readAt: Number(bytes.readBigInt64LE(32)),
    people: listAt(bytes, [48, 96], readUser),
    groups: listAt(bytes, [52, 100], readGroup),
  }
}

/** What a directory grants: an account, a membership. */
function rightsOf({ people, groups }: SnapshotContent): ReadonlySet<string> {
  const rights = new Set<string>()
  for (const { passwd, gids, user } of people) {
    rights.add(`${passwd.name} ${passwd.uid} ${user.id}`)
    for (const gid of gids) rights.add(`${passwd.name} in ${gid}`)
  }
  for (const { name, gid, members } of groups)
    for (const member of members) {
      rights.add(`${member} in ${name} ${gid}`)
    }
  return rights
}

/** Whether one directory.db has people or memberships that the other has not; a damaged one has none. */
export function saysMore(onDisk: Buffer, wanted: Buffer): boolean {
  let before: SnapshotContent
  try {
    before = decodeSnapshot(onDisk)
  } catch {
    return false
  }
  const now = rightsOf(decodeSnapshot(wanted))
  for (const right of rightsOf(before)) if (!now.has(right)) return true
  return false
}

// A directory -> the bytes of directory.db. The spec is the head of native/common/snapshot.h.
import type { DirectoryIndex } from '../directory/lookup.ts'
import type { Directory, DirectoryRules, Group } from '../directory/types.ts'
import { createWriter } from '../wire/bytes.ts'
import { writeGroup, writePasswd } from '../wire/codec.ts'

export type SnapshotInput = {
  readonly directory: Directory
  readonly index: DirectoryIndex
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly readAt: number
  readonly ids: DirectoryRules['ids']
}

export const headerSize = 128
/** Offset of the one word that changes after the file was published. */
export const supersededOffset = 8

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function mix(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593)
}

/** murmur3_32 with our seed over `bytes[from, to)`. https://github.com/aappleby/smhasher */
export function sumOf(bytes: Buffer, from: number, to: number): number {
  const length = to - from
  const whole = from + (length & ~3)
  let hash = 0x69616d6c
  for (let at = from; at < whole; at += 4)
    hash = (Math.imul(rotate(hash ^ mix(bytes.readInt32LE(at)), 13), 5) + 0xe6546b64) | 0
  let tail = 0
  for (let at = to; at > whole; at--) tail = (tail << 8) | (bytes[at - 1] ?? 0)
  hash ^= mix(tail)
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

type Entry = { readonly hash: number; readonly offset: number }

function hashOfName(name: string): number {
  const bytes = Buffer.from(name)
  return sumOf(bytes, 0, bytes.length)
}

function hashOfId(id: number): number {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(id)
  return sumOf(bytes, 0, 4)
}

/** A power of two, at least twice the entries, so that probing is short. */
function slotsFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)))
}

function writeTable(entries: readonly Entry[]): Buffer {
  const slots = slotsFor(entries.length)
  const bytes = Buffer.alloc(slots * 8)
  for (const { hash, offset } of entries) {
    let slot = hash & (slots - 1)
    while (bytes.readUInt32LE(slot * 8 + 4) !== 0) slot = (slot + 1) & (slots - 1)
    bytes.writeUInt32LE(hash, slot * 8)
    bytes.writeUInt32LE(offset, slot * 8 + 4)
  }
  return bytes
}

function recordOf(payload: Buffer): Buffer {
  const record = Buffer.alloc(8 + Math.ceil(payload.length / 4) * 4)
  record.writeUInt32LE(payload.length, 4)
  payload.copy(record, 8)
  record.writeUInt32LE(sumOf(record, 4, 8 + payload.length), 0)
  return record
}

/** Encodes the whole file. */
export function encodeSnapshot(input: SnapshotInput): Buffer {
  const { directory, index, ids } = input
  const parts: Buffer[] = []
  let at = headerSize
  const add = (part: Buffer): number => {
    const offset = at
    parts.push(part)
    at += part.length
    return offset
  }
  const users = directory.accounts.map(({ passwd }) => {
    const write = createWriter()
    writePasswd(write, passwd)
    write.list(index.initgroups(passwd.name) ?? [passwd.gid], write.u32)
    return { name: passwd.name, id: passwd.uid, offset: add(recordOf(write.finish().subarray(4))) }
  })
  const groups = directory.groups.map((group: Group) => {
    const write = createWriter()
    writeGroup(write, group)
    return { name: group.name, id: group.gid, offset: add(recordOf(write.finish().subarray(4))) }
  })
  const byName = (each: { readonly name: string; readonly offset: number }): Entry => ({
    hash: hashOfName(each.name),
    offset: each.offset,
  })
  const byId = (each: { readonly id: number; readonly offset: number }): Entry => ({
    hash: hashOfId(each.id),
    offset: each.offset,
  })
  const tables = [users.map(byName), users.map(byId), groups.map(byName), groups.map(byId)].map(
    (entries) => ({ offset: add(writeTable(entries)), slots: slotsFor(entries.length) }),
  )
  const arrays = [users, groups].map((records) => {
    const bytes = Buffer.alloc(records.length * 4)
    for (const [each, { offset }] of records.entries()) bytes.writeUInt32LE(offset, each * 4)
    return add(bytes)
  })
  const header = Buffer.alloc(headerSize)
  header.write('IAMLDB1\n', 'latin1')
  header.writeBigUInt64LE(BigInt(at), 16)
  header.writeBigUInt64LE(BigInt(input.generation), 24)
  header.writeBigInt64LE(BigInt(input.readAt), 32)
  header.writeUInt32LE(ids.min, 40)
  header.writeUInt32LE(ids.max, 44)
  header.writeUInt32LE(users.length, 48)
  header.writeUInt32LE(groups.length, 52)
  for (const [each, { offset, slots }] of tables.entries()) {
    header.writeUInt32LE(offset, 56 + each * 8)
    header.writeUInt32LE(slots, 60 + each * 8)
  }
  for (const [each, offset] of arrays.entries()) header.writeUInt32LE(offset, 88 + each * 4)
  header.writeUInt32LE(sumOf(header, 16, headerSize), 12)
  return Buffer.concat([header, ...parts])
}

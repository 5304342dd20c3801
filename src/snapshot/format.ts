// A directory -> the bytes of directory.db. The spec is the head of native/common/snapshot.h.
import type { Directory, DirectoryRules } from '../directory/types.ts'
import { writeBootTime, type BootTime } from '../platform/boot-time.ts'
import { createOutput, type Output } from './output.ts'
import { beginRecord, endRecord, recordHeader } from './record.ts'
import { sumOf } from './sum.ts'

/** What the header says of the time, and of which directory it is. */
export type SnapshotStamp = {
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly readAt: number
  /** The same by the boot's clock; undefined where it is unknown or in doubt. */
  readonly readBootTime?: BootTime | undefined
  /** `source.offline` in milliseconds. */
  readonly offlineMs: number
}

export type SnapshotInput = SnapshotStamp & {
  readonly directory: Directory
  readonly ids: DirectoryRules['ids']
  /** Local and reserved names: lookups of them end in the asking process. */
  readonly localNames: readonly string[]
}

export const headerSize = 128
/** SNAPSHOT_PROBES_MAX: slots that a reader looks at. */
export const probesMax = 128
/** Offset of the one word that changes after the file was published. */
export const supersededOffset = 8

/** Of each record: where it begins, and what its name and its id hash to. */
type Entries = {
  readonly offsets: Uint32Array
  readonly nameHashes: Uint32Array
  readonly idHashes: Uint32Array
}

function entriesFor(count: number): Entries {
  return {
    offsets: new Uint32Array(count),
    nameHashes: new Uint32Array(count),
    idHashes: new Uint32Array(count),
  }
}

/** Ends the record that began at `offset`, and notes it as the index-th. */
function noteRecord(out: Output, offset: number, entries: Entries, index: number): void {
  endRecord(out, offset)
  const bytes = out.bytes()
  const nameAt = offset + recordHeader + 2
  const idAt = nameAt + bytes.readUInt16LE(nameAt - 2)
  entries.offsets[index] = offset
  entries.nameHashes[index] = sumOf(bytes, nameAt, idAt)
  entries.idHashes[index] = sumOf(bytes, idAt, idAt + 4)
}

/** Every gid of each user, the primary one first. */
function gidsByName({ accounts, groups }: Directory): ReadonlyMap<string, readonly number[]> {
  const gids = new Map(accounts.map(({ passwd }) => [passwd.name, [passwd.gid]]))
  for (const { gid, members } of groups) for (const member of members) gids.get(member)?.push(gid)
  return gids
}

function writeUsers(out: Output, { directory }: SnapshotInput): Entries {
  const entries = entriesFor(directory.accounts.length)
  const gidsOf = gidsByName(directory)
  for (const [at, { passwd, user }] of directory.accounts.entries()) {
    const offset = beginRecord(out, passwd.name, passwd.uid)
    out.u32(passwd.gid)
    out.str(passwd.gecos)
    out.str(passwd.dir)
    out.str(passwd.shell)
    const gids = gidsOf.get(passwd.name) ?? [passwd.gid]
    out.u32(gids.length)
    for (const each of gids) out.u32(each)
    out.str(user.id)
    out.str(user.arn)
    out.str(user.name)
    out.i64(user.createdAt)
    noteRecord(out, offset, entries, at)
  }
  return entries
}

function writeGroups(out: Output, { directory }: SnapshotInput): Entries {
  const entries = entriesFor(directory.groups.length)
  for (const [at, { name, gid, members }] of directory.groups.entries()) {
    const offset = beginRecord(out, name, gid)
    out.u32(members.length)
    for (const member of members) {
      out.str(member)
    }
    noteRecord(out, offset, entries, at)
  }
  return entries
}

function writeLocalNames(out: Output, names: readonly string[]): Entries {
  const entries = entriesFor(names.length)
  for (const [at, name] of names.entries()) noteRecord(out, beginRecord(out, name, 0), entries, at)
  return entries
}

/** A power of two, at least twice the entries, so that probing is short. */
function slotsFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)))
}

/** How many used slots follow one another at most, in a table of `slots` and going round its end. */
export function longestRun(hashes: Uint32Array, slots: number): number {
  const homes = new Uint32Array(slots)
  for (const hash of hashes) {
    const home = hash & (slots - 1)
    homes[home] = (homes[home] ?? 0) + 1
  }
  let [waiting, run, longest] = [0, 0, 0]
  // Twice round: what overflows the end of the table goes on at its beginning.
  for (let at = 0; at < slots * 2; at++) {
    waiting += homes[at & (slots - 1)] ?? 0
    run = waiting > 0 ? run + 1 : 0
    longest = Math.max(longest, run)
    waiting = Math.max(0, waiting - 1)
  }
  return longest
}

/**
 * The smallest table whose runs a reader follows to their end. Only names that were made to have one
 * hash fit in none: those beyond the reader's bound are asked of the resolver.
 */
export function slotsOf(hashes: Uint32Array): number {
  const least = slotsFor(hashes.length)
  for (let slots = least; slots <= least * 8; slots *= 2)
    if (longestRun(hashes, slots) < probesMax) return slots
  return least
}

type Table = { readonly offset: number; readonly slots: number }

/** Writes a hash table of records. */
export function writeTable(out: Output, offsets: Uint32Array, hashes: Uint32Array): Table {
  const slots = slotsOf(hashes)
  const table = { offset: out.at(), slots }
  out.skip(slots * 8)
  const bytes = out.bytes()
  for (let each = 0; each < offsets.length; each++) {
    const hash = hashes[each] ?? 0
    let at = table.offset + (hash & (slots - 1)) * 8
    while (bytes.readUInt32LE(at + 4) !== 0)
      at = at + 8 === table.offset + slots * 8 ? table.offset : at + 8
    bytes.writeUInt32LE(hash, at)
    bytes.writeUInt32LE(offsets[each] ?? 0, at + 4)
  }
  return table
}

/** Writes numbers, and gives where they begin. */
export function writeList(out: Output, offsets: Uint32Array): number {
  const offset = out.at()
  for (const each of offsets) {
    out.u32(each)
  }
  return offset
}

/** What most files stay below, in bytes; more only costs a copy. */
function estimate({ directory }: SnapshotInput): number {
  return 1_048_576 + directory.accounts.length * 512 + directory.groups.length * 128
}

/** Writes the stamp into a header that has all else, and its sum. */
function stamp(
  header: Buffer,
  { generation, readAt, readBootTime, offlineMs }: SnapshotStamp,
): void {
  header.writeBigUInt64LE(BigInt(generation), 24)
  header.writeBigInt64LE(BigInt(readAt), 32)
  header.writeBigUInt64LE(BigInt(offlineMs), 104)
  writeBootTime(header, 112, readBootTime)
  header.writeUInt32LE(sumOf(header, 16, headerSize), 12)
}

/** The bytes of a directory.db with another stamp: a header of its own, and the rest as it is. */
export function stamped(bytes: Buffer, newStamp: SnapshotStamp): readonly Buffer[] {
  const header = Buffer.from(bytes.subarray(0, headerSize))
  stamp(header, newStamp)
  return [header, bytes.subarray(headerSize)]
}

/** The bytes of a whole directory.db. */
export function encodeSnapshot(input: SnapshotInput): Buffer {
  const out = createOutput(estimate(input))
  out.skip(headerSize)
  const users = writeUsers(out, input)
  const groups = writeGroups(out, input)
  const localNames = writeLocalNames(out, input.localNames)
  const tables = [
    writeTable(out, users.offsets, users.nameHashes),
    writeTable(out, users.offsets, users.idHashes),
    writeTable(out, groups.offsets, groups.nameHashes),
    writeTable(out, groups.offsets, groups.idHashes),
    writeTable(out, localNames.offsets, localNames.nameHashes),
  ]
  const lists = [writeList(out, users.offsets), writeList(out, groups.offsets)]
  const bytes = out.bytes().subarray(0, out.at())
  bytes.write('IAMLDB1\n', 'latin1')
  bytes.writeBigUInt64LE(BigInt(bytes.length), 16)
  bytes.writeUInt32LE(input.ids.min, 40)
  bytes.writeUInt32LE(input.ids.max, 44)
  bytes.writeUInt32LE(users.offsets.length, 48)
  bytes.writeUInt32LE(groups.offsets.length, 52)
  for (const [each, { offset, slots }] of tables.entries()) {
    bytes.writeUInt32LE(offset, 56 + each * 8)
    bytes.writeUInt32LE(slots, 60 + each * 8)
  }
  for (const [each, offset] of lists.entries()) bytes.writeUInt32LE(offset, 96 + each * 4)
  stamp(bytes, input)
  return bytes
}

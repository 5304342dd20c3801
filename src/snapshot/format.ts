// A directory -> the bytes of directory.db. The spec is the head of native/common/snapshot.h.
import type { DirectoryIndex } from '../directory/lookup.ts'
import type { Directory, DirectoryRules } from '../directory/types.ts'
import { finish, pace, type Steps } from '../directory/steps.ts'
import { createOutput, type Output } from './output.ts'
import { sumOf } from './sum.ts'

export type SnapshotInput = {
  readonly directory: Directory
  readonly index: DirectoryIndex
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly readAt: number
  readonly ids: DirectoryRules['ids']
  /** Local and reserved names: lookups of them end in the asking process. */
  readonly strangers: Iterable<string>
  /** `source.offline` in milliseconds. */
  readonly offlineMs: number
}

export const headerSize = 128
/** Offset of the one word that changes after the file was published. */
export const supersededOffset = 8

/** Where a record begins and what its name and id hash to. */
type Entry = { readonly offset: number; readonly nameHash: number; readonly idHash: number }

/** Begins a record with what all kinds begin with; the result, called after the rest, ends it. */
function beginRecord(out: Output, name: string, id: number): () => Entry {
  const offset = out.at()
  out.skip(8)
  const nameAt = out.at() + 2
  out.str(name)
  const idAt = out.at()
  out.u32(id)
  return () => {
    const end = out.at()
    out.align()
    const bytes = out.bytes()
    bytes.writeUInt32LE(end - offset - 8, offset + 4)
    bytes.writeUInt32LE(sumOf(bytes, offset + 4, end), offset)
    return {
      offset,
      nameHash: sumOf(bytes, nameAt, idAt),
      idHash: sumOf(bytes, idAt, idAt + 4),
    }
  }
}

function* writeUsers(out: Output, { directory, index }: SnapshotInput): Steps<readonly Entry[]> {
  const entries: Entry[] = []
  const due = pace()
  for (const { passwd } of directory.accounts) {
    const { name, uid, gid, gecos, dir, shell } = passwd
    const end = beginRecord(out, name, uid)
    out.u32(gid)
    out.str(gecos)
    out.str(dir)
    out.str(shell)
    const gids = index.initgroups(name) ?? [gid]
    out.u32(gids.length)
    for (const each of gids) out.u32(each)
    entries.push(end())
    if (due()) yield
  }
  return entries
}

function* writeGroups(out: Output, { directory }: SnapshotInput): Steps<readonly Entry[]> {
  const entries: Entry[] = []
  const due = pace()
  for (const { name, gid, members } of directory.groups) {
    const end = beginRecord(out, name, gid)
    out.u32(members.length)
    for (const member of members) {
      out.str(member)
      if (due()) yield
    }
    entries.push(end())
    if (due()) yield
  }
  return entries
}

function writeStrangers(out: Output, { strangers }: SnapshotInput): readonly Entry[] {
  return [...strangers].map((name) => beginRecord(out, name, 0)())
}

/** A power of two, at least twice the entries, so that probing is short. */
function slotsFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)))
}

type Table = { readonly offset: number; readonly slots: number }

function* writeTable(
  out: Output,
  entries: readonly Entry[],
  hash: 'nameHash' | 'idHash',
): Steps<Table> {
  const slots = slotsFor(entries.length)
  const table = { offset: out.at(), slots }
  out.skip(slots * 8)
  const bytes = out.bytes()
  const due = pace()
  for (const entry of entries) {
    let at = table.offset + (entry[hash] & (slots - 1)) * 8
    while (bytes.readUInt32LE(at + 4) !== 0)
      at = at + 8 === table.offset + slots * 8 ? table.offset : at + 8
    bytes.writeUInt32LE(entry[hash], at)
    bytes.writeUInt32LE(entry.offset, at + 4)
    if (due()) yield
  }
  return table
}

function* writeList(out: Output, entries: readonly Entry[]): Steps<number> {
  const offset = out.at()
  const due = pace()
  for (const entry of entries) {
    out.u32(entry.offset)
    if (due()) yield
  }
  return offset
}

/** What most files stay below, in bytes; more only costs a copy. */
function estimate({ directory }: SnapshotInput): number {
  return 65_536 + directory.accounts.length * 320 + directory.groups.length * 4_096
}

/** The whole file, in steps. */
export function* encodeSteps(input: SnapshotInput): Steps<Buffer> {
  const out = createOutput(estimate(input))
  out.skip(headerSize)
  const users = yield* writeUsers(out, input)
  const groups = yield* writeGroups(out, input)
  const strangers = writeStrangers(out, input)
  const tables = [
    yield* writeTable(out, users, 'nameHash'),
    yield* writeTable(out, users, 'idHash'),
    yield* writeTable(out, groups, 'nameHash'),
    yield* writeTable(out, groups, 'idHash'),
    yield* writeTable(out, strangers, 'nameHash'),
  ]
  const lists = [yield* writeList(out, users), yield* writeList(out, groups)]
  const bytes = out.bytes().subarray(0, out.at())
  bytes.write('IAMLDB1\n', 'latin1')
  bytes.writeBigUInt64LE(BigInt(bytes.length), 16)
  bytes.writeBigUInt64LE(BigInt(input.generation), 24)
  bytes.writeBigInt64LE(BigInt(input.readAt), 32)
  bytes.writeUInt32LE(input.ids.min, 40)
  bytes.writeUInt32LE(input.ids.max, 44)
  bytes.writeUInt32LE(users.length, 48)
  bytes.writeUInt32LE(groups.length, 52)
  for (const [each, { offset, slots }] of tables.entries()) {
    bytes.writeUInt32LE(offset, 56 + each * 8)
    bytes.writeUInt32LE(slots, 60 + each * 8)
  }
  for (const [each, offset] of lists.entries()) bytes.writeUInt32LE(offset, 96 + each * 4)
  bytes.writeBigUInt64LE(BigInt(input.offlineMs), 104)
  bytes.writeUInt32LE(sumOf(bytes, 16, headerSize), 12)
  return bytes
}

/** As encodeSteps, at once. */
export function encodeSnapshot(input: SnapshotInput): Buffer {
  return finish(encodeSteps(input))
}

// What the resolver alone knows beside directory.db. It follows the bytes of directory.db in memory and is
// never published: the people of shared accounts, the uids that were ever given, what was refused.
//
//   offset size
//        0    8  u32 offset, u32 slots of a table: users by the hash of their UserId, as in directory.db
//        8    8  u32 offset, u32 count of the uids that were ever given, ascending
//       16    8  u32 offset, u32 count of shared accounts, each: u32 length of what follows, str name, people
//       24    8  u32 offset, u32 length of the report, JSON
//       32    8  u32 offset, u32 count of hashes of UserIds of whom only an earlier read told, ascending
//
// Offsets count from the beginning of directory.db. People are a u32 count and so many times str name, str UserId, str ARN, i64 date.
import type { Directory, Notice, Refusal, SourceUser } from '../directory/types.ts'
import { createReader, type Reader } from '../wire/bytes.ts'
import { writeList, writeTable } from './format.ts'
import { createOutput, type Output } from './output.ts'
import { sumOf } from './sum.ts'

export const supplementHeader = 40

/** What `iamlogin status` lists of a directory. */
export type DirectoryReport = {
  readonly refused: readonly Refusal[]
  readonly notices: readonly Notice[]
}

export function hashOfText(text: string): number {
  const bytes = Buffer.from(text)
  return sumOf(bytes, 0, bytes.length)
}

function writePeople(out: Output, people: readonly SourceUser[]): void {
  out.u32(people.length)
  for (const { name, id, arn, createdAt } of people) {
    out.str(name)
    out.str(id)
    out.str(arn)
    out.i64(createdAt)
  }
}

function readPerson(reader: Reader): SourceUser {
  const [name, id, arn] = [reader.str(), reader.str(), reader.str()]
  return { name, id, arn, createdAt: Number(reader.i64()) }
}

/** Writes numbers in ascending order, and gives where they begin. */
function writeSorted(out: Output, numbers: readonly number[]): number {
  return writeList(out, Uint32Array.from(numbers).toSorted())
}

/**
 * Appends the supplement of a directory to the bytes of its directory.db.
 * @param keptIds people known from an earlier read alone
 */
export function withSupplement(
  snapshot: Buffer,
  directory: Directory,
  keptIds: readonly string[],
): Buffer {
  const { accounts, shared, pins, refused, notices } = directory
  const out = createOutput(snapshot.length + accounts.length * 32 + 65_536)
  out.raw(snapshot)
  const start = out.at()
  out.skip(supplementHeader)
  const list = snapshot.readUInt32LE(96)
  const offsets = Uint32Array.from(accounts, (_, at) => snapshot.readUInt32LE(list + at * 4))
  const hashes = Uint32Array.from(accounts, ({ user }) => hashOfText(user.id))
  const ids = writeTable(out, offsets, hashes)
  const given = writeSorted(out, Object.values(pins.uids))
  const kept = writeSorted(out, keptIds.map(hashOfText))
  const sharedAt = out.at()
  for (const [account, people] of Object.entries(shared)) {
    const lengthAt = out.at()
    out.u32(0)
    out.str(account)
    writePeople(out, people)
    out.bytes().writeUInt32LE(out.at() - lengthAt - 4, lengthAt)
  }
  const reportAt = out.at()
  const report: DirectoryReport = { refused, notices }
  out.raw(Buffer.from(JSON.stringify(report)))
  const bytes = out.bytes().subarray(0, out.at())
  const fields = [
    ...[ids.offset, ids.slots, given, Object.keys(pins.uids).length],
    ...[sharedAt, Object.keys(shared).length, reportAt, bytes.length - reportAt],
    ...[kept, keptIds.length],
  ]
  for (const [at, value] of fields.entries()) bytes.writeUInt32LE(value, start + at * 4)
  return bytes
}

export type Supplement = {
  readonly ids: { readonly offset: number; readonly slots: number }
  /** Whether the uid was ever given to a person of the source. */
  readonly wasGiven: (uid: number) => boolean
  /** The people of each shared account. */
  readonly sharedAccounts: () => Readonly<Record<string, readonly SourceUser[]>>
  /** The people of one; undefined where it is not shared. */
  readonly sharersOf: (account: string) => readonly SourceUser[] | undefined
  /** Whether the person is known from an earlier read alone; another id may, rarely, have the same hash. */
  readonly isKept: (id: string) => boolean
  readonly report: () => DirectoryReport
}

/** Looks a number up in `count` ascending ones at `offset`. */
function hasNumber(
  bytes: Buffer,
  { offset, count }: { readonly offset: number; readonly count: number },
  number: number,
): boolean {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = bytes.readUInt32LE(offset + middle * 4)
    if (found === number) return true
    if (found < number) low = middle + 1
    else high = middle
  }
  return false
}

type SharedEntry = {
  readonly account: string
  readonly people: () => readonly SourceUser[]
}

/** The shared accounts; the people of one are decoded where they are asked for. */
function readShared(bytes: Buffer, count: number): readonly SharedEntry[] {
  let at = 0
  return Array.from({ length: count }, () => {
    const end = at + 4 + bytes.readUInt32LE(at)
    const reader = createReader(bytes.subarray(at + 4, end))
    at = end
    return { account: reader.str(), people: () => reader.list(() => readPerson(reader)) }
  })
}

/** @param start where the supplement begins in `bytes` */
export function openSupplement(bytes: Buffer, start: number): Supplement {
  const field = (index: number): number => bytes.readUInt32LE(start + index * 4)
  const [offset, slots, givenAt, givenCount] = [field(0), field(1), field(2), field(3)]
  const [sharedAt, sharedCount, reportAt, reportLength] = [field(4), field(5), field(6), field(7)]
  const entries = (): readonly SharedEntry[] =>
    readShared(bytes.subarray(sharedAt, reportAt), sharedCount)
  return {
    ids: { offset, slots },
    wasGiven: (uid) => hasNumber(bytes, { offset: givenAt, count: givenCount }, uid),
    isKept: (id) => hasNumber(bytes, { offset: field(8), count: field(9) }, hashOfText(id)),
    sharedAccounts: () =>
      Object.fromEntries(entries().map(({ account, people }) => [account, people()])),
    sharersOf: (account) =>
      entries()
        .find((each) => each.account === account)
        ?.people(),
    // Our own child process wrote it a moment ago.
    report: () =>
      JSON.parse(bytes.toString('utf8', reportAt, reportAt + reportLength)) as DirectoryReport,
  }
}

// The bytes of keys.db -> whose keys open what; every sum and bound is checked, native/common/keys-file.h.
import { FormatError } from '../errors.ts'
import { recordHeader } from '../snapshot/record.ts'
import { sumOf } from '../snapshot/sum.ts'
import { createReader, type Reader } from '../wire/bytes.ts'

export const headerSize = 56
export const magic = 'IAMLKEY2'

/** keys-file.h's KEYS_FILE_REQUIRES_MFA. */
export const requiresMfaFlag = 1
const flagsOffset = 24
/** keys-file.h's KEYS_OF_PERSON. */
export const personKind = 0

export type KnownKeys = {
  readonly account: string
  readonly uid: number
  /** keys-file.h's KEYS_OF_PERSON or KEYS_OF_SHARED. */
  readonly kind: number
  readonly keys: readonly {
    /** Milliseconds since the epoch, by the clock of when the file was written. */
    readonly until: number
    /** authorized_keys(5) */
    readonly line: string
    readonly id: string
    /** The IAM user's name, SourceUser.id and ARN. */
    readonly owner: { readonly name: string; readonly id: string; readonly arn: string }
  }[]
}

function damaged(what: string): FormatError {
  return new FormatError('format_state', `reading keys.db: ${what}`, {
    hint: 'the resolver writes it anew',
  })
}

function key(reader: Reader): KnownKeys['keys'][number] {
  const [until, line, id] = [Number(reader.i64()), reader.str(), reader.str()]
  const [name, ownerId, arn] = [reader.str(), reader.str(), reader.str()]
  return { until, line, id, owner: { name, id: ownerId, arn } }
}

/**
 * What the file says.
 * @throws {FormatError} when anything in it is not what the key command believes.
 */
export function decodeKnownKeys(bytes: Buffer): readonly KnownKeys[] {
  if (bytes.length < headerSize || bytes.toString('latin1', 0, 8) !== magic)
    throw damaged('it does not begin as one')
  if (sumOf(bytes, 12, headerSize) !== bytes.readUInt32LE(8))
    throw damaged('its header has another sum')
  if (bytes.readBigUInt64LE(16) !== BigInt(bytes.length)) throw damaged('it is cut short')
  const records: KnownKeys[] = []
  let at = headerSize
  for (let left = bytes.readUInt32LE(12); left > 0; left--) {
    if (at > bytes.length - recordHeader) throw damaged('a record lies outside')
    const end = at + recordHeader + bytes.readUInt32LE(at + 4)
    if (end > bytes.length) throw damaged('a record ends outside')
    if (sumOf(bytes, at + 4, end) !== bytes.readUInt32LE(at))
      throw damaged('a record has another sum')
    const reader = createReader(bytes.subarray(at + recordHeader, end))
    const [account, uid, kind] = [reader.str(), reader.u32(), reader.u32()]
    records.push({ account, uid, kind, keys: reader.list(() => key(reader)) })
    at = end + (-end & 3)
  }
  return records
}

/** What keys.db lets in: the key command by its keys, PAM whom it does not refuse. */
type Openings = {
  readonly doors: ReadonlySet<string>
  /** People who may not enter by what was read last. */
  readonly shut: ReadonlySet<string>
  /** Whether PAM refuses also people of whom it has no record. */
  readonly requiresMfa: boolean
}

function openingsOf(bytes: Buffer): Openings {
  const records = decodeKnownKeys(bytes)
  return {
    doors: new Set(
      records.flatMap(({ account, uid, kind, keys }) =>
        keys.map(({ line, owner }) => `${account} ${uid} ${kind} ${owner.id} ${line}`),
      ),
    ),
    shut: new Set(
      records.flatMap(({ account, uid, keys }) => (keys.length === 0 ? `${account} ${uid}` : [])),
    ),
    requiresMfa: (bytes.readUInt32LE(flagsOffset) & requiresMfaFlag) !== 0,
  }
}

/** Whether one keys.db opens what the other does not; with a damaged one PAM and key command refuse. */
export function opensMore(onDisk: Buffer, wanted: Buffer): boolean {
  let before: Openings
  try {
    before = openingsOf(onDisk)
  } catch {
    return false
  }
  const now = openingsOf(wanted)
  if (now.requiresMfa && !before.requiresMfa) return true
  if (!before.requiresMfa && [...now.shut].some((person) => !before.shut.has(person))) return true
  return [...before.doors].some((door) => !now.doors.has(door))
}

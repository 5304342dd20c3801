// Accounts and the people's keys that open them, as the bytes of keys.db: what the key command goes by while no
// resolver answers. The spec is the head of native/common/keys-file.h.
import type { KeysConfig } from '../config/config.ts'
import type { CredentialPart, LocalAccounts, SourceUser } from '../directory/types.ts'
import { writeBootTime, type BootTime } from '../platform/boot-time.ts'
import { createBreaks } from '../platform/breaks.ts'
import type { Moment } from '../platform/clock.ts'
import { createOutput, type Output } from '../snapshot/output.ts'
import { beginRecord, endRecord } from '../snapshot/record.ts'
import { sumOf } from '../snapshot/sum.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import { headerSize, magic, personKind, requiresMfaFlag } from './known-keys.ts'
import { toAuthorizedKey } from './authorized-key.ts'
import { knownFlawOf, lacksMfa } from './standing.ts'
import type { KnownCredentials } from './entries.ts'

export type PublishedInput = {
  readonly directory: Pick<DirectoryView, 'accountById' | 'sharedAccounts' | 'retain'>
  readonly local: LocalAccounts
  /** The last known keys of people, in any order. */
  readonly people: readonly KnownCredentials[]
  readonly keys: KeysConfig
  readonly requireMfa: boolean
  /** `source.offline` in milliseconds. */
  readonly offlineMs: number
  /** When something was read: milliseconds since the epoch, by the clock of `now`. */
  readonly wallOf: (moment: Moment) => number
} & WrittenAt

/** This moment. */
export type WrittenAt = {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The same by the boot's clock; undefined where that is unknown. */
  readonly bootTime: BootTime | undefined
}

const kind = { person: personKind, shared: 1 } as const

type KnownKey = {
  readonly line: string
  readonly id: string
  readonly owner: SourceUser
  /** Milliseconds since the epoch, by the clock of `now`: not after it. */
  readonly until: number
}

/** What is known of one person's keys, and how long it may serve. */
function keysOf(owner: SourceUser, saved: KnownCredentials, input: PublishedInput): KnownKey[] {
  const { keys, now, offlineMs, requireMfa, wallOf } = input
  const { credentials, read, partsRead } = saved
  if (lacksMfa(credentials, requireMfa)) return []
  const fetchedAt = read === undefined ? saved.fetchedAt : wallOf(read)
  const readAt = (part: CredentialPart): number => {
    const unread = credentials.unread?.find((each) => each.part === part)
    if (unread === undefined) return fetchedAt
    const moment = partsRead?.get(part)
    return moment === undefined ? (unread.lastReadAt ?? Number.NEGATIVE_INFINITY) : wallOf(moment)
  }
  const mfaReadAt = requireMfa ? readAt('mfa') : fetchedAt
  return credentials.keys.flatMap((key) => {
    const result = toAuthorizedKey(key, owner, { keys, now })
    if (!result.ok) return []
    const aged =
      keys.maxAgeMs > 0 && key.uploadedAt !== undefined
        ? key.uploadedAt + keys.maxAgeMs
        : Number.MAX_SAFE_INTEGER
    const keyReadAt = readAt(key.origin === 'tag' ? 'tags' : 'uploads')
    // How old a reading from the future is cannot be known: the key is told, and does not serve.
    const isDoubtful = Math.max(keyReadAt, mfaReadAt) > now
    const served = isDoubtful ? now - 1 : Math.min(keyReadAt, mfaReadAt) + offlineMs
    const until = Math.min(served, aged)
    if (until <= 0) return []
    return [{ line: result.key.line, id: key.id, owner, until }]
  })
}

function writeRecord(
  out: Output,
  account: { readonly name: string; readonly uid: number; readonly kind: number },
  keys: readonly KnownKey[],
): void {
  const offset = beginRecord(out, account.name, account.uid)
  out.u32(account.kind)
  out.u32(keys.length)
  for (const { until, line, id, owner } of keys) {
    out.u64(until)
    out.str(line)
    out.str(id)
    out.str(owner.name)
    out.str(owner.id)
    out.str(owner.arn)
  }
  endRecord(out, offset)
}

/** What the header says beside sizes. */
type Header = WrittenAt & { readonly requireMfa: boolean }

/** Writes the header over the records. */
function seal(out: Output, records: number, { requireMfa, now, bootTime }: Header): Buffer {
  const bytes = out.bytes().subarray(0, out.at())
  bytes.write(magic, 'latin1')
  bytes.writeUInt32LE(records, 12)
  bytes.writeBigUInt64LE(BigInt(bytes.length), 16)
  bytes.writeBigUInt64LE(BigInt(requireMfa ? requiresMfaFlag : 0), 24)
  bytes.writeBigInt64LE(BigInt(now), 32)
  writeBootTime(bytes, 40, bootTime)
  bytes.writeUInt32LE(sumOf(bytes, 12, headerSize), 8)
  return bytes
}

/** A keys.db that opens nothing, and with which PAM refuses everybody: nothing was read of anybody. */
export function nothingPublished(written: WrittenAt): Buffer {
  const out = createOutput(headerSize)
  out.skip(headerSize)
  return seal(out, 0, { ...written, requireMfa: true })
}

/** The known keys of each person, by the person's id. */
type KnownPeople = Map<string, readonly KnownKey[]>

/** Writes one record for each person; gives how many. */
async function writePeople(
  out: Output,
  input: PublishedInput,
  known: KnownPeople,
): Promise<number> {
  const { directory, local, people } = input
  // A person who opens a shared account need not be a user here.
  const sharers = new Map(
    Object.values(directory.sharedAccounts()).flatMap((owners) =>
      owners.map((owner) => [owner.id, owner]),
    ),
  )
  const breaks = createBreaks()
  let records = 0
  for (const saved of people) {
    if (breaks.isDue()) await breaks.take()
    const account = directory.accountById(saved.id)
    const owner = account?.user ?? sharers.get(saved.id)
    if (owner === undefined) continue
    const keys = keysOf(owner, saved, input)
    const isShut = knownFlawOf(owner, saved.credentials, input) !== undefined
    if (keys.length === 0 && !isShut) continue
    if (keys.length > 0) known.set(owner.id, keys)
    if (account === undefined || local.users.has(account.passwd.name)) continue
    const { name, uid } = account.passwd
    writeRecord(out, { name, uid, kind: kind.person }, keys)
    records++
  }
  return records
}

/** Writes one record for each shared account; gives how many. */
function writeShared(out: Output, input: PublishedInput, known: KnownPeople): number {
  const { directory, local } = input
  let records = 0
  for (const [name, owners] of Object.entries(directory.sharedAccounts())) {
    const uid = local.users.get(name)
    if (uid === undefined || uid === 0 || name === 'root') continue
    const keys = owners.flatMap(({ id }) => known.get(id) ?? [])
    if (keys.length === 0) continue
    writeRecord(out, { name, uid, kind: kind.shared }, keys)
    records++
  }
  return records
}

/**
 * The bytes of keys.db. A person who may not enter by the last read (no valid key, or no MFA device where one
 * is required) has a record without keys. A person whose keys were never read has no record.
 */
export async function encodePublished(input: PublishedInput): Promise<Buffer> {
  const out = createOutput(65_536)
  out.skip(headerSize)
  const known: KnownPeople = new Map()
  const letGo = input.directory.retain()
  try {
    const people = await writePeople(out, input, known)
    return seal(out, people + writeShared(out, input, known), input)
  } finally {
    letGo()
  }
}

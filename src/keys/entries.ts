// What is known of people's keys in memory: as it was read last, fresh within keys.ttl, usable within
// source.offline. What was read is stored only when it is on disk.
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import type { CredentialPart, SourceCredentials, SourceUser } from '../directory/types.ts'
import { atMost } from '../platform/at-most.ts'
import {
  ageOf,
  isInFuture,
  momentOf,
  savedMoment,
  type Clock,
  type Moment,
} from '../platform/clock.ts'
import { completeCredentials } from './credentials.ts'
import type { SavedCredentials } from './saved.ts'

export type Entry = SavedCredentials & {
  readonly read: Moment
  /** Of parts that could not be read then: when they were. */
  readonly partsRead: ReadonlyMap<CredentialPart, Moment>
}

/** `read` and `partsRead` are absent in what was saved by an earlier run. */
export type KnownCredentials = SavedCredentials & Partial<Pick<Entry, 'read' | 'partsRead'>>

export type EntriesDeps = {
  readonly clock: Clock
  /** keys.ttl */
  readonly ttlMs: number
  /** source.offline */
  readonly offlineMs: number
  /** What an earlier run saved, or another lookup of this process knew. */
  readonly saved: readonly KnownCredentials[]
  /** `saved` was read by another configuration, maybe of another source: known, and asked anew. */
  readonly savedIsStale: boolean
  /**
   * What is known of a person has changed, or was only read again. Where it resolves late, so does
   * the answer: a key that was taken away must be gone from disk before anybody is told.
   */
  readonly onRead: (what: 'new' | 'changed' | 'same') => Promise<void>
}

export type Entries = {
  readonly deps: EntriesDeps
  readonly cache: LRUCache<string, Entry>
  /** Read, and on its way to the disk. */
  readonly arriving: Map<string, Entry>
  /** In flight when everything fresh was to be forgotten: what they bring is not fresh. */
  readonly outdated: Set<string>
}

/** More people are not remembered. */
export const mostPeople = 10_000

function ttlOf({ ttlMs }: EntriesDeps): number {
  return Math.max(1, ttlMs)
}

/** When the time began in which an entry is fresh, by the monotonic clock; this one's is over. */
function staleSince({ deps }: Entries): number {
  return deps.clock.monotonic() - ttlOf(deps) - 1
}

/** Of what an earlier run saved: when the parts were read that it could not read. */
function savedParts(clock: Clock, { unread = [] }: SourceCredentials): Entry['partsRead'] {
  return new Map(
    unread.flatMap(({ part, lastReadAt }) =>
      lastReadAt === undefined ? [] : [[part, savedMoment(clock, lastReadAt)] as const],
    ),
  )
}

/** Begins with what is saved. */
export function createEntries(deps: EntriesDeps): Entries {
  const { clock, saved, savedIsStale } = deps
  const cache = new LRUCache<string, Entry>({
    ...atMost(mostPeople),
    ttl: ttlOf(deps),
    ttlResolution: 0,
    perf: { now: clock.monotonic },
  })
  const entries = { deps, cache, arriving: new Map<string, Entry>(), outdated: new Set<string>() }
  for (const each of saved) {
    const read = each.read ?? savedMoment(clock, each.fetchedAt)
    const isStale = savedIsStale || each.isUnsure === true || isInFuture(clock, read)
    const start = isStale ? staleSince(entries) : read.monotonic
    const partsRead = each.partsRead ?? savedParts(clock, each.credentials)
    cache.set(each.id, { ...each, read, partsRead }, { start })
  }
  return entries
}

/** What was read last of a person, however old it is. */
export function lastKnown({ cache }: Entries, id: string): Entry | undefined {
  return cache.peek(id, { allowStale: true })
}

/** Whether what was read then serves no more. */
export function isTooOld({ deps }: Entries, moment: Moment | undefined): boolean {
  return moment === undefined || ageOf(deps.clock, moment) > deps.offlineMs
}

/** What was read last of a person and may still serve. */
export function usable(entries: Entries, { id }: SourceUser): Entry | undefined {
  const entry = lastKnown(entries, id)
  return entry !== undefined && !isTooOld(entries, entry.read) ? entry : undefined
}

export function isFresh({ cache }: Entries, id: string): boolean {
  return cache.getRemainingTTL(id) > 0
}

/** All that is known, and what is on its way to the disk. */
export function allEntries({ cache, arriving }: Entries): readonly Entry[] {
  const cached = cache.dump().map(([id, { value }]) => [id, value] as const)
  return [...new Map([...cached, ...arriving]).values()]
}

/** Keeps what is known, for an outage; the next lookup asks. */
export function makeStale(entries: Entries, id: string): void {
  const entry = lastKnown(entries, id)
  if (entry !== undefined) entries.cache.set(id, entry, { start: staleSince(entries) })
}

function changeOf(before: Entry | undefined, now: Entry): 'new' | 'changed' | 'same' {
  if (before === undefined) return 'new'
  return isDeepStrictEqual(before.credentials, now.credentials) ? 'same' : 'changed'
}

/**
 * Stores an entry once it is on disk.
 * @param isRead `entry` is the source's word of now, and serves for keys.ttl
 */
export async function keep(
  entries: Entries,
  { before, entry, isRead }: { before: Entry | undefined; entry: Entry; isRead: boolean },
): Promise<void> {
  const { deps, cache, arriving, outdated } = entries
  arriving.set(entry.id, entry)
  try {
    await deps.onRead(changeOf(before, entry))
    const start = isRead && !outdated.has(entry.id) ? entry.read.monotonic : staleSince(entries)
    cache.set(entry.id, entry, { start })
  } finally {
    arriving.delete(entry.id)
  }
}

/** What was read now, completed by what was known of the parts that could not be read. */
export function complete(
  entries: Entries,
  before: Entry | undefined,
  { id, now }: { readonly id: string; readonly now: SourceCredentials },
): Entry {
  const read = momentOf(entries.deps.clock)
  const partsRead = new Map(
    (now.unread ?? []).flatMap(({ part }) => {
      const wasUnread = before?.credentials.unread?.some((each) => each.part === part) === true
      const at = wasUnread ? before.partsRead.get(part) : before?.read
      return at === undefined || isTooOld(entries, at) ? [] : [[part, at] as const]
    }),
  )
  const credentials = completeCredentials(
    before?.credentials,
    now,
    (part) => partsRead.get(part)?.wall,
  )
  return { id, fetchedAt: read.wall, read, partsRead, credentials }
}

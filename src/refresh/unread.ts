// Groups that the source could not read while others were: how long their last known members serve,
// and what is reported of it.
import type { Audit } from '../audit/event.ts'
import type { UnreadGroup } from '../directory/types.ts'
import { ageOf, savedMoment, type Clock, type Moment } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Reading } from './job.ts'

/** What one refresher leaves to the next in the same process. */
export type UnreadHandover = {
  readonly readAt: ReadonlyMap<string, Moment>
  readonly unread: readonly UnreadGroup[]
}

export type UnreadGroups = {
  /** Takes over when the groups of a saved directory were read. */
  readonly restore: (reading: Reading, readAt: Moment) => void
  readonly inherit: (handover: UnreadHandover) => void
  readonly handOver: () => UnreadHandover
  /** Groups whose last known members may serve: when they were read, milliseconds since the epoch. */
  readonly usable: () => Readonly<Record<string, number>>
  /** A read was believed: its groups were read then; a change of what cannot be read is reported once. */
  readonly believed: (reading: Reading, readAt: Moment) => void
  /** Of the last read that was believed. */
  readonly now: () => readonly UnreadGroup[]
}

function sentenceOf({ message, isAbsent, lastReadAt }: UnreadGroup): string {
  if (isAbsent) return `${message}: it has no members`
  return lastReadAt === undefined
    ? `${message}: no members of it are known`
    : `${message}: its members of ${new Date(lastReadAt).toISOString()} stay`
}

export type UnreadDeps = {
  readonly clock: Clock
  /** How long the last known members of a group serve (source.offline). */
  readonly offlineMs: number
  readonly log: Log
  readonly audit: Audit
}

type Known = UnreadHandover

/** Reports groups that cannot be read any more, and those that can be again. */
function reportNews(
  { clock, log, audit }: UnreadDeps,
  before: readonly UnreadGroup[],
  unread: readonly UnreadGroup[],
): void {
  const at = clock.now()
  for (const each of unread) {
    if (before.some(({ name, code }) => name === each.name && code === each.code)) continue
    log.warn({ code: each.code, group: each.name, hint: each.hint }, sentenceOf(each))
    audit({ action: 'source-failing', at, code: each.code, reason: sentenceOf(each) })
  }
  for (const { name, code } of before) {
    if (unread.some((each) => each.name === name)) continue
    const reason = `group ${name} is read again, or not asked for any more`
    log.info({ code, group: name }, reason)
    audit({ action: 'source-recovered', at, code, reason })
  }
}

/** What a state of an earlier run tells. */
function restored(clock: Clock, { groups, unread }: Reading, savedAt: Moment): Known {
  const others = unread.flatMap(({ name, lastReadAt }) =>
    lastReadAt === undefined ? [] : [[name, savedMoment(clock, lastReadAt)] as const],
  )
  const readAt = new Map([...groups.map((name) => [name, savedAt] as const), ...others])
  return { readAt, unread }
}

/** What is known after a read that was believed. */
function afterRead({ readAt }: Known, { groups, unread }: Reading, at: Moment): Known {
  const isUnread = new Set(unread.map(({ name }) => name))
  const kept = [...readAt].filter(([name]) => isUnread.has(name))
  return { readAt: new Map([...kept, ...groups.map((name) => [name, at] as const)]), unread }
}

/** Makes the record of groups that cannot be read. */
export function createUnreadGroups(deps: UnreadDeps): UnreadGroups {
  const { clock, offlineMs } = deps
  let known: Known = { readAt: new Map(), unread: [] }
  return {
    restore: (reading, savedAt) => {
      known = restored(clock, reading, savedAt)
    },
    inherit: ({ readAt, unread }) => {
      known = { readAt, unread }
    },
    handOver: () => known,
    usable: () =>
      Object.fromEntries(
        [...known.readAt]
          .filter(([, moment]) => ageOf(clock, moment) <= offlineMs)
          .map(([name, { wall }]) => [name, wall]),
      ),
    believed: (reading, at) => {
      const before = known
      known = afterRead(before, reading, at)
      reportNews(deps, before.unread, known.unread)
    },
    now: () => known.unread,
  }
}

// Groups that the source could not read while others were: how long their last known members serve,
// and what is told of it.
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
  /** A read was believed: its groups were read then; a change of what cannot be read is told once. */
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

/** @param deps.offlineMs how long the last known members of a group serve (source.offline) */
export function createUnreadGroups(deps: {
  readonly clock: Clock
  readonly offlineMs: number
  readonly log: Log
  readonly audit: Audit
}): UnreadGroups {
  const { clock, offlineMs, log, audit } = deps
  let readAt: ReadonlyMap<string, Moment> = new Map()
  let unread: readonly UnreadGroup[] = []

  const tell = (before: readonly UnreadGroup[]): void => {
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

  return {
    restore: (reading, savedAt) => {
      unread = reading.unread
      const others = unread.flatMap(({ name, lastReadAt }) =>
        lastReadAt === undefined ? [] : [[name, savedMoment(clock, lastReadAt)] as const],
      )
      readAt = new Map([...reading.groups.map((name) => [name, savedAt] as const), ...others])
    },
    inherit: (handover) => {
      ;({ readAt, unread } = handover)
    },
    handOver: () => ({ readAt, unread }),
    usable: () =>
      Object.fromEntries(
        [...readAt]
          .filter(([, moment]) => ageOf(clock, moment) <= offlineMs)
          .map(([name, { wall }]) => [name, wall]),
      ),
    believed: (reading, at) => {
      const before = unread
      unread = reading.unread
      const isUnread = new Set(unread.map(({ name }) => name))
      const kept = [...readAt].filter(([name]) => isUnread.has(name))
      readAt = new Map([...kept, ...reading.groups.map((name) => [name, at] as const)])
      tell(before)
    },
    now: () => unread,
  }
}

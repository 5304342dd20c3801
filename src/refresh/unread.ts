// Groups that the source could not read while others were: how long their last known members serve,
// and what is told of it.
import type { Audit } from '../audit/event.ts'
import { mergeSteps } from '../directory/merge.ts'
import type { Steps } from '../directory/steps.ts'
import type { SourceDirectory, UnreadGroup } from '../directory/types.ts'
import { ageOf, savedMoment, type Clock, type Moment } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

export type UnreadGroups = {
  /** Takes over when the groups of a saved directory were read. */
  readonly restore: (source: SourceDirectory, readAt: Moment) => void
  /** What was read, with the last known members of groups that could not be. */
  readonly merge: (
    fetched: SourceDirectory,
    before: SourceDirectory | undefined,
  ) => Steps<SourceDirectory>
  /** A read was believed: its groups were read then; a change of what cannot be read is told once. */
  readonly believed: (source: SourceDirectory, readAt: Moment) => void
  /** Of the last read that was believed. */
  readonly now: () => readonly UnreadGroup[]
}

function namesOf({ groups, complete }: SourceDirectory): readonly string[] {
  return [...groups.map(({ name }) => name), ...(complete ? ['*'] : [])]
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
    restore: (source, savedAt) => {
      unread = source.unread ?? []
      const others = unread.flatMap(({ name, lastReadAt }) =>
        lastReadAt === undefined ? [] : [[name, savedMoment(clock, lastReadAt)] as const],
      )
      readAt = new Map([...namesOf(source).map((name) => [name, savedAt] as const), ...others])
    },
    merge: (fetched, before) => {
      const usable = [...readAt].filter(([, moment]) => ageOf(clock, moment) <= offlineMs)
      return mergeSteps(fetched, before, new Map(usable.map(([name, { wall }]) => [name, wall])))
    },
    believed: (source, at) => {
      const before = unread
      unread = source.unread ?? []
      const isUnread = new Set(unread.map(({ name }) => name))
      const fresh = namesOf(source).filter((name) => !isUnread.has(name))
      const kept = [...readAt].filter(([name]) => isUnread.has(name))
      readAt = new Map([...kept, ...fresh.map((name) => [name, at] as const)])
      tell(before)
    },
    now: () => unread,
  }
}

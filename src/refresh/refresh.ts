// Keeps the store true to the source: read, doubt, build, replace; schedule.ts says when.
import { isDeepStrictEqual } from 'node:util'
import type { Audit } from '../audit/event.ts'
import { queriedGroups } from '../directory/access.ts'
import { buildSteps } from '../directory/build.ts'
import { diffSteps, sameSourceSteps } from '../directory/diff.ts'
import { keepHomesSteps } from '../directory/homes.ts'
import { indexSteps } from '../directory/lookup.ts'
import { keepOverridesSteps } from '../directory/overrides.ts'
import { confirms, lossSteps, type Loss } from '../directory/sanity.ts'
import type {
  Directory,
  DirectoryRules,
  HostAccounts,
  Notice,
  Pins,
  SourceDirectory,
  UnreadGroup,
} from '../directory/types.ts'
import { SourceError } from '../errors.ts'
import { momentOf, savedMoment, type Clock, type Moment } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Work } from '../platform/turns.ts'
import type { Source } from '../sources/source.ts'
import {
  afterOtherRead,
  afterScheduledRead,
  due,
  firstSchedule,
  type Outcome,
  type ScheduleRules,
} from './schedule.ts'
import type { SavedDirectory } from './state.ts'
import type { Current, Store } from './store.ts'
import { createOverridesTeller } from './unread-overrides.ts'
import { createUnreadGroups } from './unread.ts'

export type Failure = {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly at: number
}

export type RefreshResult =
  { readonly ok: true } | { readonly ok: false; readonly failure: Failure }

/** What one refresher leaves to the next in the same process. */
export type Handover = {
  readonly current: Current | undefined
  /** When what is saved was read, by the monotonic clock. */
  readonly savedReadAt: number
  readonly doubt: Doubt | undefined
}

export type Refresher = {
  /** Goes on where a closed one stopped: what it served is served at once. */
  readonly inherit: (handover: Handover) => void
  /** What the next one goes on from; only once this one is closed. */
  readonly handOver: () => { readonly pins: Pins; readonly handover: Handover }
  /** Puts the saved directory in place: what a restart serves before, or without, the first read. */
  readonly restore: (saved: SavedDirectory) => Promise<void>
  /** Applies the rules to what was inherited, reads at once, then for ever. */
  readonly start: () => Promise<RefreshResult>
  /**
   * Waits for a read that began after this call; callers share it.
   * @param confirm an operator's word: a suspicious result is taken.
   */
  readonly readNow: (options?: { readonly confirm: boolean }) => Promise<RefreshResult>
  /** /etc/passwd or /etc/group is another: builds again from what was read last. */
  readonly localChanged: () => Promise<void>
  readonly failure: () => Failure | undefined
  /** Groups that the last good read could not read, while it read others. */
  readonly unread: () => readonly UnreadGroup[]
  /** Requests that the last whole read cost. */
  readonly lastCost: () => number
  /** Requests since start, retries included. */
  readonly calls: () => number
  /** Resolves when nothing of it is under way any more. */
  readonly close: () => Promise<void>
}

export type RefreshDeps = {
  readonly source: Source
  readonly store: Store
  /** Ids that were given by an earlier run, of whichever source. */
  readonly pins?: Pins
  readonly rules: (signal: AbortSignal) => Promise<DirectoryRules>
  readonly local: () => HostAccounts
  readonly save: (saved: SavedDirectory) => Promise<void>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly audit: Audit
  readonly refreshMs: number
  /** How long the last known members of a group serve that cannot be read. */
  readonly offlineMs: number
  /** How old the saved time of the last read may be. */
  readonly confirmMs: number
  readonly work: Work
  /** Resolves when what the store holds is in directory.db, or could not be put there. */
  readonly published: () => Promise<void>
  /** After each read that was believed, with the directory before it. */
  readonly onRead: (before: Directory | undefined) => void
}

const readTimeoutMs = 120_000
const longestBackOffMs = 300_000
const confirmAfterMs = 30_000
/** Lines of notices that one directory may add to the log; `status` has all. */
const loggedNotices = 20

/** Whether a read that asked for `before` tells enough to apply rules that ask for `groups`. */
function isAnswered(groups: readonly string[], before: readonly string[]): boolean {
  return groups.every((group) => before.includes(group))
}

/**
 * Logs each notice that is not among those of `before`, but at most `loggedNotices` of them, then one line
 * with the count of the others: pino writes synchronously, so the resolver answers no request while a slow
 * reader leaves the pipe of the log full.
 */
function logNotices(log: Log, notices: readonly Notice[], before: readonly Notice[] = []): void {
  const told = new Set(before.map(({ reason }) => reason))
  const news = notices.filter(({ reason }) => !told.has(reason))
  for (const { kind, name, code, reason } of news.slice(0, loggedNotices))
    log.warn({ code, [kind]: name }, `${kind} ${name}: ${reason}`)
  const more = news.length - loggedNotices
  if (more > 0) log.warn({ count: more }, `${more} more notices: iamlogin status lists them all`)
}

/** A loss that was not believed at once, and when it was first seen, by the monotonic clock. */
type Doubt = { readonly loss: Loss; readonly since: number }

/** Makes the refresh loop. Nothing runs before start(). */
export function createRefresher(deps: RefreshDeps): Refresher {
  const { source, store, clock, log } = deps
  const stopper = new AbortController()
  const unread = createUnreadGroups({ clock, log, audit: deps.audit, offlineMs: deps.offlineMs })
  const tellOverrides = createOverridesTeller({ clock, log, audit: deps.audit })
  const timing: ScheduleRules = {
    refreshMs: deps.refreshMs,
    longestBackOffMs,
    confirmAfterMs: Math.min(deps.refreshMs, confirmAfterMs),
  }
  let pins: Pins = deps.pins ?? { uids: {}, gids: {} }
  /** By the monotonic clock. */
  let savedReadAt = Number.NEGATIVE_INFINITY
  let failure: Failure | undefined
  let cost = 1
  let doubt: Doubt | undefined
  let schedule = firstSchedule(clock.monotonic())
  /** The next read that begins is the schedule's own. */
  let isScheduled = false
  let isInherited = false
  let running: Promise<RefreshResult> | undefined
  let next: Promise<RefreshResult> | undefined
  let confirmed = false
  let cancelTimer: (() => void) | undefined
  let changing: Promise<unknown> = Promise.resolve()

  const countCalls = (): number =>
    Object.values(source.calls()).reduce((sum, each) => sum + each, 0)

  /** The directory, with its ids pinned; not yet in place. */
  const build = async (
    fetched: SourceDirectory,
    rules: DirectoryRules,
    readAt: Moment,
  ): Promise<Omit<Current, 'generation'>> => {
    const local = deps.local()
    const before = store.current()?.directory.accounts ?? []
    const given = await deps.work(keepHomesSteps(pins, before, fetched.users))
    const directory = await deps.work(buildSteps({ source: fetched, rules, local, pins: given }))
    const index = await deps.work(indexSteps(directory))
    pins = directory.pins
    logNotices(log, directory.notices, store.current()?.directory.notices)
    return { directory, index, source: fetched, rules, local, readAt }
  }

  const isSame = async (fetched: SourceDirectory, rules: DirectoryRules): Promise<boolean> => {
    const before = store.current()
    return (
      before !== undefined &&
      before.local === deps.local() &&
      isDeepStrictEqual(before.rules, rules) &&
      (await deps.work(sameSourceSteps(before.source, fetched)))
    )
  }

  /** A full disk costs what a restart would know, never what was read: access ends all the same. */
  const save = async (readAt: Moment, source: SourceDirectory): Promise<void> => {
    try {
      await deps.save({ readAt: readAt.wall, pins, source })
      savedReadAt = readAt.monotonic
    } catch (error) {
      log.error(
        { err: error },
        'saving the directory failed: a restart while the source is away would serve an older one',
      )
    }
  }

  /** One after the other: reads, and what the host's own accounts make necessary. */
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const done = changing.then(change, change)
    changing = done
    return done
  }

  const tellChange = async (before: Directory, at: number): Promise<void> => {
    const now = store.current()?.directory
    if (now === undefined) return
    const { added, removed, renamed } = await deps.work(diffSteps(before, now))
    for (const { account, name } of renamed)
      deps.audit({
        action: 'user-renamed',
        at,
        subject: {
          linuxUser: account.passwd.name,
          uid: account.passwd.uid,
          person: account.user,
        },
        previousName: name,
        reason: `renamed in the source; uid ${account.passwd.uid} and home ${account.passwd.dir} stay`,
      })
    if (added.length + removed.length === 0) return
    deps.audit({
      action: 'directory-changed',
      at,
      added: added.map(({ passwd }) => passwd.name),
      removed: removed.map(({ passwd }) => passwd.name),
      users: now.accounts.length,
      groups: now.groups.length,
    })
  }

  const adopt = async (
    fetched: SourceDirectory,
    rules: DirectoryRules,
    readAt: Moment,
  ): Promise<void> => {
    if (await isSame(fetched, rules)) {
      store.touch(readAt)
      if (readAt.monotonic - savedReadAt >= deps.confirmMs) await save(readAt, fetched)
      return
    }
    const before = store.current()
    // Saved first: a crash before directory.db is in place must not bring back who is gone from it.
    const next = await build(fetched, rules, readAt)
    await save(readAt, fetched)
    store.replace(next)
    await deps.published()
    if (before !== undefined) await tellChange(before.directory, readAt.wall)
  }

  /** @throws {SourceError} for a loss that needs a second read, or an administrator's word. */
  const believe = async (
    fetched: SourceDirectory,
    { asked, confirm }: { readonly asked: readonly string[]; readonly confirm: boolean },
  ): Promise<void> => {
    const before = store.current()
    const loss =
      before === undefined || confirm
        ? undefined
        : await deps.work(lossSteps(before.source, fetched, asked))
    const now = clock.monotonic()
    const first =
      loss !== undefined && doubt !== undefined && confirms(loss, doubt.loss) ? doubt : undefined
    // A read a moment later, for an unknown name, may meet the same hiccup: that confirms nothing.
    const isSecond = first !== undefined && now - first.since >= timing.confirmAfterMs * 0.8
    if (loss === undefined || isSecond) {
      doubt = undefined
      return
    }
    doubt = { loss, since: first?.since ?? now }
    throw new SourceError('source_suspicious', `${loss.reason}: the last good directory stays`, {
      hint: 'a second read that says the same is believed; `iamlogin refresh --confirm` accepts it now',
    })
  }

  /** No failure of the source's, and nothing to tell. */
  const stopped = (): Failure => ({
    code: 'stopped',
    message: 'the resolver stops',
    hint: 'ask again in a moment',
    at: clock.now(),
  })

  const fail = (error: unknown): RefreshResult => {
    const at = clock.now()
    const before = failure
    failure =
      error instanceof SourceError
        ? { code: error.code, message: error.message, hint: error.hint, at }
        : {
            code: 'internal',
            message: String(error),
            hint: 'this is a mistake in iamlogin: report it',
            at,
          }
    const { code, hint } = failure
    if (before?.code === code) log.debug({ code, hint, err: error }, failure.message)
    else {
      log.error({ code, hint }, failure.message)
      log.debug({ err: error }, 'the source failed')
    }
    if (before === undefined)
      deps.audit({ action: 'source-failing', at, code: failure.code, reason: failure.message })
    return { ok: false, failure }
  }

  const readOnce = async (): Promise<RefreshResult> => {
    const startedAt = momentOf(clock)
    const callsBefore = countCalls()
    const confirm = confirmed
    confirmed = false
    try {
      const signal = AbortSignal.any([stopper.signal, AbortSignal.timeout(readTimeoutMs)])
      const rules = await deps.rules(signal)
      const asked = queriedGroups(rules)
      const told = await source.fetchDirectory({ groups: asked }, signal)
      const last = store.current()?.source
      const merged = await deps.work(unread.merge(told, last))
      const fetched = await deps.work(keepOverridesSteps(merged, last))
      cost = Math.max(1, countCalls() - callsBefore)
      await believe(fetched, { asked, confirm })
      stopper.signal.throwIfAborted()
      await inTurn(async () => {
        const before = store.current()
        await adopt(fetched, rules, startedAt)
        unread.believed(fetched, startedAt)
        tellOverrides(before?.source, fetched)
        deps.onRead(before?.directory)
      })
      if (failure !== undefined) {
        const { code } = failure
        log.info({ code }, 'the source answers again')
        deps.audit({
          action: 'source-recovered',
          at: clock.now(),
          code,
          reason: 'the source answers again',
        })
      }
      failure = undefined
      return { ok: true }
    } catch (error) {
      return stopper.signal.aborted ? { ok: false, failure: stopped() } : fail(error)
    }
  }

  const rebuild = async (): Promise<void> => {
    const now = store.current()
    if (now === undefined || now.local === deps.local() || stopper.signal.aborted) return
    store.replace(await build(now.source, now.rules, now.readAt))
    await deps.published()
    deps.onRead(now.directory)
  }

  /**
   * The rules of a new configuration, without waiting for the source: root's word counts at once.
   * Where they ask for groups that nobody read yet, the directory of before serves until the read.
   */
  const applyRules = async (now: Current): Promise<void> => {
    const rules = await deps.rules(stopper.signal)
    if (isDeepStrictEqual(now.rules, rules)) return
    if (!isAnswered(queriedGroups(rules), queriedGroups(now.rules))) return
    store.replace(await build(now.source, rules, now.readAt))
    await deps.published()
    deps.onRead(now.directory)
    await tellChange(now.directory, clock.now())
  }

  const begun = async (): Promise<void> => {
    const now = store.current()
    if (now === undefined || !isInherited) return
    try {
      await inTurn(() => applyRules(now))
    } catch (error) {
      // The first read meets the same, and is told of.
      log.warn({ err: error }, 'the new rules cannot be applied before the source is read')
    }
    // A write that the one before still owed is this one's to make.
    const { readAt, source: read } = store.current() ?? now
    await inTurn(() => save(readAt, read))
  }

  const outcomeOf = (result: RefreshResult): Outcome => {
    if (result.ok) return { kind: 'good' }
    return result.failure.code === 'source_suspicious' && doubt !== undefined
      ? { kind: 'doubted', since: doubt.since }
      : { kind: 'failed' }
  }

  const arm = (): void => {
    cancelTimer?.()
    // A read that waits for the one in flight arms the timer at its own end.
    if (stopper.signal.aborted || isScheduled) return
    const { at, scheduled } = due(schedule)
    cancelTimer = clock.after(Math.max(0, at - clock.monotonic()), () => {
      isScheduled ||= scheduled
      void readNow()
    })
  }

  const begin = (): Promise<RefreshResult> => {
    const after = isScheduled ? afterScheduledRead : afterOtherRead
    isScheduled = false
    let outcome: Outcome = { kind: 'failed' }
    const read = readOnce()
      .then((result) => {
        outcome = outcomeOf(result)
        return result
      })
      .finally(() => {
        running = undefined
        schedule = after(
          schedule,
          { outcome, at: clock.monotonic(), random: deps.random() },
          timing,
        )
        arm()
      })
    running = read
    return read
  }

  const readNow: Refresher['readNow'] = (options) => {
    if (options?.confirm === true) confirmed = true
    if (running === undefined) return begin()
    // The read in flight may have passed the group before the change: wait for the one after it.
    next ??= running.then(() => {
      next = undefined
      return running ?? begin()
    })
    return next
  }

  return {
    restore: async (saved) => {
      pins = saved.pins
      const readAt = savedMoment(clock, saved.readAt)
      savedReadAt = readAt.monotonic
      unread.restore(saved.source, readAt)
      const rules = await deps.rules(stopper.signal)
      const asked = new Set(queriedGroups(rules))
      // Of other groups it tells nothing: nobody found by it would be no answer.
      const isOfUse =
        (saved.source.complete && asked.has('*')) ||
        saved.source.groups.some(({ name }) => asked.has(name))
      if (isOfUse) store.replace(await build(saved.source, rules, readAt))
    },
    inherit: (handover) => {
      isInherited = true
      ;({ savedReadAt, doubt } = handover)
      const { current } = handover
      if (current === undefined) return
      unread.restore(current.source, current.readAt)
      store.inherit(current)
    },
    handOver: () => ({ pins, handover: { current: store.current(), savedReadAt, doubt } }),
    start: async () => {
      await begun()
      isScheduled = true
      return readNow()
    },
    readNow,
    localChanged: () => inTurn(rebuild),
    failure: () => failure,
    unread: unread.now,
    lastCost: () => cost,
    calls: countCalls,
    close: async () => {
      stopper.abort()
      cancelTimer?.()
      // Whoever comes next must not be overtaken by what is being put in place.
      await changing.catch(() => undefined)
    },
  }
}

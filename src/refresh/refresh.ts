// Keeps the store true to the source. A child process reads, doubts, builds and compares (read.ts); here its
// outcome is put in place and reported. loop.ts says when, cycle.ts what follows.
import type { Audit } from '../audit/event.ts'
import type { Config } from '../config/config.ts'
import type { UnreadGroup } from '../directory/types.ts'
import { momentOf, savedMoment, type Clock, type Moment } from '../platform/clock.ts'
import type { HeldBytes } from '../platform/held-bytes.ts'
import type { Log } from '../platform/log.ts'
import { openView } from '../snapshot/view.ts'
import { addCalls, type Calls } from '../sources/calls.ts'
import { createFailures, type Failure, type Failures } from './failures.ts'
import type { NamedPerson, Outcome, ReadJob, SavedLoss } from './job.ts'
import { toReadError, toSourceError } from './read-error.ts'
import type { ReaderResult, ReadSource } from './reader.ts'
import {
  accountsChange,
  logNotices,
  reportChange,
  reportOverrides,
  type AccountsChange,
} from './report.ts'
import type { Outcome as ReadOutcome, ScheduleRules } from './schedule.ts'
import type { StateFile } from './state-file.ts'
import type { Current, Store } from './store.ts'
import { createUnreadGroups, type UnreadGroups, type UnreadHandover } from './unread.ts'

export type { Failure } from './failures.ts'
export type { AccountsChange } from './report.ts'

/** What a caller may ask of a read. */
export type ReadRequest = {
  /** An operator's word: a suspicious loss is believed. */
  readonly confirm?: boolean
  /** The result is to say what this person is named. */
  readonly personId?: string
}

export type RefreshResult =
  | {
      readonly ok: true
      /** By id: the people whom a caller asked about, as far as the source names them. */
      readonly people: Readonly<Record<string, NamedPerson>>
    }
  | { readonly ok: false; readonly failure: Failure }

/** How one read ended. */
export type ReadEnd = {
  readonly result: RefreshResult
  /** For the schedule. */
  readonly outcome: ReadOutcome
  /** Undefined where the directory of before stays. */
  readonly change?: AccountsChange | undefined
}

/** A loss that was not believed at once, and when it was first seen, by the monotonic clock. */
type Doubt = { readonly loss: SavedLoss; readonly since: number }

/** What one refresher leaves to the next in the same process. */
export type Handover = {
  readonly current: Current | undefined
  /** When what is saved was read, by the monotonic clock. */
  readonly savedReadAt: number
  readonly doubt: Doubt | undefined
  readonly unread: UnreadHandover | undefined
  /** The directory.db that belongs to the saved state; undefined where there is none. */
  readonly snapshot: HeldBytes | undefined
}

export type Refresher = {
  /** Goes on where a closed one stopped: what it served is served at once. */
  readonly inherit: (handover: Handover) => void
  /** What the next one goes on from; only once this one is closed. */
  readonly handOver: () => Handover
  /**
   * Puts the directory of the saved state in place: what a restart serves before, or without, the first
   * read. Tells whether there was a state, be it of another source, and what was lost of it.
   */
  readonly restore: () => Promise<{
    readonly hadState: boolean
    readonly losses: readonly string[]
  }>
  /** One read of the source, for all requests. Never rejects. */
  readonly read: (requests: readonly ReadRequest[]) => Promise<ReadEnd>
  /**
   * Builds again from what was read last, by the rules of now (reload) or the local accounts of now.
   * Undefined where the directory of before stays: nothing changed, or the groups of the rules were not read yet.
   * @throws {SourceError} when it cannot be built
   */
  readonly rebuild: (from: 'reload' | 'accounts') => Promise<AccountsChange | undefined>
  /** The directory.db that belongs to the saved state. */
  readonly snapshot: () => HeldBytes | undefined
  readonly failure: () => Failure | undefined
  /** Groups that the last good read could not read, while it read others. */
  readonly unread: () => readonly UnreadGroup[]
  /** Requests that the last whole read cost. */
  readonly lastCost: () => number
  /** Requests of all reads by operation, retries included. */
  readonly callsByOperation: () => Calls
  /** The sum of them. */
  readonly calls: () => number
  /** Resolves when nothing of it is under way any more. */
  readonly close: () => Promise<void>
}

export type RefreshDeps = {
  readonly config: Config
  readonly reader: ReadSource
  readonly store: Store
  readonly state: Pick<StateFile, 'held' | 'save'>
  readonly clock: Clock
  readonly log: Log
  readonly audit: Audit
  /** How old the saved time of the last read may be. */
  readonly confirmMs: number
  /** Writes directory.db; resolves when what the store holds is there, or could not be put there. */
  readonly publish: () => Promise<void>
  /** The same directory was read again. */
  readonly touched: () => void
  /** What is served, and with it directory.db and directory.json, is what they are to hold. */
  readonly settled: (handover: Handover) => Promise<void>
}

const readTimeoutMs = 120_000
/** Building from the state reads no source, only the instance's tags, where the rules name some. */
const buildTimeoutMs = 30_000
const longestBackOffMs = 300_000
const confirmAfterMs = 30_000
/** How long new local accounts wait for a read under way, which is cut short then and done again. */
const localWaitMs = 2_000

/** When the source is read, by the configuration. */
export function timingOf({ source: { refreshMs } }: Pick<Config, 'source'>): ScheduleRules {
  return { refreshMs, longestBackOffMs, confirmAfterMs: Math.min(refreshMs, confirmAfterMs) }
}

/** What changes while a refresher lives. */
type Self = {
  readonly deps: RefreshDeps
  readonly timing: ScheduleRules
  readonly failures: Failures
  readonly unread: UnreadGroups
  readonly stopper: AbortController
  /** By the monotonic clock. */
  savedReadAt: number
  snapshot: HeldBytes | undefined
  /** Requests of the last whole read. */
  cost: number
  calls: Calls
  doubt: Doubt | undefined
  changing: Promise<unknown>
  /** Ends the read under way, which is done again. */
  interrupt: AbortController | undefined
}

/** No failure of the source's, and nothing to report. */
function stopped({ deps: { clock } }: Self): ReadEnd {
  const failure = { code: 'stopped', message: 'the resolver stops', hint: 'ask again in a moment' }
  return {
    result: { ok: false, failure: { ...failure, at: clock.now() } },
    outcome: { kind: 'failed' },
  }
}

function sumOf(calls: Calls): number {
  return Object.values(calls).reduce((sum, each) => sum + each, 0)
}

/** One after the other: reads, and what the host's own accounts make necessary. */
function inTurn<T>(self: Self, change: () => Promise<T>): Promise<T> {
  const done = self.changing.then(change, change)
  self.changing = done
  return done
}

function jobFor(
  self: Self,
  from: ReadJob['from'],
  { startedAt, requests = [] }: { startedAt: Moment; requests?: readonly ReadRequest[] },
): ReadJob {
  const { deps, doubt, timing, unread } = self
  const isDue = (since: number): boolean =>
    startedAt.monotonic - since >= timing.confirmAfterMs * 0.8
  return {
    config: deps.config,
    from,
    startedAt: startedAt.wall,
    isServing: deps.store.current() !== undefined,
    isConfirmed: requests.some(({ confirm }) => confirm === true),
    mustSave: startedAt.monotonic - self.savedReadAt >= deps.confirmMs,
    groupsReadAt: unread.usable(),
    ...(doubt === undefined ? {} : { doubt: { loss: doubt.loss, isDue: isDue(doubt.since) } }),
    peopleIds: requests.flatMap(({ personId }) => personId ?? []),
  }
}

function ask(self: Self, job: ReadJob, cut?: AbortSignal): Promise<ReaderResult> {
  const { reader, state } = self.deps
  const timeout = AbortSignal.timeout(job.from === 'source' ? readTimeoutMs : buildTimeoutMs)
  const signals = [self.stopper.signal, timeout, ...(cut === undefined ? [] : [cut])]
  const input = { job, state: state.held, snapshot: () => self.snapshot }
  return reader(input, AbortSignal.any(signals))
}

function discard({ state, snapshot }: ReaderResult): void {
  state?.close()
  snapshot?.close()
}

/** A full disk costs what a restart would know, never what was read: access ends all the same. */
async function save(self: Self, bytes: HeldBytes | undefined, readAt: Moment): Promise<void> {
  if (bytes !== undefined && (await self.deps.state.save(bytes)))
    self.savedReadAt = readAt.monotonic
}

type Changed = Extract<Outcome, { kind: 'changed' }>

/** Puts a new directory in place: saved, served, published, reported. */
async function replace(
  self: Self,
  { state, directory, snapshot }: ReaderResult,
  { outcome, readAt }: { readonly outcome: Changed; readonly readAt: Moment },
): Promise<AccountsChange> {
  const { deps } = self
  if (directory === undefined) throw new Error('a new directory came without its bytes')
  const change = accountsChange(outcome.change, deps.store.current())
  // Saved first: a crash before directory.db is in place must not bring back accounts that are gone.
  await save(self, state, readAt)
  deps.store.replace({
    directory: openView(directory),
    readAt,
    leftOutNames: outcome.leftOutNames,
    unreadOverrides: outcome.reading.unreadOverrides,
  })
  self.snapshot?.close()
  self.snapshot = snapshot
  logNotices(deps.log, outcome)
  await deps.publish()
  const now = deps.store.current()
  if (outcome.change !== undefined && now !== undefined) reportChange(outcome.change, now, deps)
  return change
}

/** A read that failed, or is not believed yet. */
function refused(self: Self, outcome: Extract<Outcome, { kind: 'failed' | 'doubted' }>): ReadEnd {
  const failure = self.failures.failed(outcome.error)
  const result = { ok: false, failure } as const
  if (outcome.kind === 'failed') return { result, outcome: { kind: 'failed' } }
  const earlier = outcome.isSame ? self.doubt?.since : undefined
  const since = earlier ?? self.deps.clock.monotonic()
  self.doubt = { loss: outcome.loss, since }
  return { result, outcome: { kind: 'doubted', since } }
}

/** The directory of before stays; only its age, and what could not be read, are others. */
async function touch(
  self: Self,
  { state }: ReaderResult,
  now: { readonly outcome: Extract<Outcome, { kind: 'same' }>; readonly readAt: Moment },
): Promise<void> {
  const { store, touched } = self.deps
  store.touch(now.readAt, now.outcome.reading?.unreadOverrides ?? null)
  touched()
  await save(self, state, now.readAt)
}

/** Puts in place what a read brought, and reports it. */
async function adopt(self: Self, result: ReaderResult, readAt: Moment): Promise<ReadEnd> {
  const { outcome } = result.answer
  if (outcome.kind === 'failed' || outcome.kind === 'doubted') return refused(self, outcome)
  if (outcome.kind !== 'changed' && outcome.kind !== 'same')
    throw new Error(`a read of the source ended as ${outcome.kind}`)
  self.doubt = undefined
  const change =
    outcome.kind === 'changed' ? await replace(self, result, { outcome, readAt }) : undefined
  if (outcome.kind === 'same') await touch(self, result, { outcome, readAt })
  const { reading } = outcome
  if (reading !== undefined) self.unread.believed(reading, readAt)
  await self.deps.settled(handOver(self))
  if (reading?.overrides !== undefined) reportOverrides(reading.overrides, self.deps)
  self.failures.succeeded()
  return {
    result: { ok: true, people: reading?.people ?? {} },
    outcome: { kind: 'good' },
    change,
  }
}

function noteCalls(self: Self, calls: Calls): void {
  self.calls = addCalls(self.calls, calls)
  self.cost = Math.max(1, sumOf(calls))
}

/** One read of the source; undefined when it was cut short for local accounts. */
async function attempt(self: Self, requests: readonly ReadRequest[]): Promise<ReadEnd | undefined> {
  const { deps, stopper } = self
  const startedAt = momentOf(deps.clock)
  const cut = new AbortController()
  self.interrupt = cut
  try {
    stopper.signal.throwIfAborted()
    const job = jobFor(self, 'source', { startedAt, requests })
    const result = await ask(self, job, cut.signal)
    // From here on the outcome counts, whatever else happens.
    self.interrupt = undefined
    noteCalls(self, result.answer.calls)
    if (stopper.signal.aborted) discard(result)
    stopper.signal.throwIfAborted()
    return await adopt(self, result, startedAt)
  } catch (error) {
    if (stopper.signal.aborted) return stopped(self)
    if (cut.signal.aborted) return undefined
    const failure = self.failures.failed(toReadError(error))
    return { result: { ok: false, failure }, outcome: { kind: 'failed' } }
  } finally {
    self.interrupt = undefined
  }
}

async function readUncut(self: Self, requests: readonly ReadRequest[]): Promise<ReadEnd> {
  for (;;) {
    const end = await inTurn(self, () => attempt(self, requests))
    if (end !== undefined) return end
  }
}

async function rebuildNow(
  self: Self,
  from: 'reload' | 'accounts',
): Promise<AccountsChange | undefined> {
  const { store } = self.deps
  const now = store.current()
  if (now === undefined || self.stopper.signal.aborted) return undefined
  const { readAt } = now
  const job = jobFor(self, from, { startedAt: readAt })
  const result = await ask(self, job)
  const { outcome } = result.answer
  if (outcome.kind === 'failed') throw toSourceError(outcome.error)
  const change =
    outcome.kind === 'changed' ? await replace(self, result, { outcome, readAt }) : undefined
  await self.deps.settled(handOver(self))
  return change
}

async function rebuild(
  self: Self,
  from: 'reload' | 'accounts',
): Promise<AccountsChange | undefined> {
  const cancel = self.deps.clock.after(localWaitMs, () => {
    self.interrupt?.abort()
  })
  try {
    return await inTurn(self, () => {
      cancel()
      return rebuildNow(self, from)
    })
  } finally {
    cancel()
  }
}

async function restore(self: Self): ReturnType<Refresher['restore']> {
  const { clock } = self.deps
  const job = jobFor(self, 'restart', { startedAt: momentOf(clock) })
  const result = await ask(self, job)
  const { outcome, losses } = result.answer
  if (outcome.kind === 'failed') throw toSourceError(outcome.error)
  if (outcome.kind === 'nothing') return { hadState: outcome.hadState, losses }
  if (outcome.kind === 'changed') {
    const readAt = savedMoment(clock, outcome.readAt)
    self.unread.restore(outcome.reading, readAt)
    await replace(self, result, { outcome, readAt })
  }
  return { hadState: true, losses }
}

function inherit(self: Self, handover: Handover): void {
  const { savedReadAt, doubt, unread, current, snapshot } = handover
  self.snapshot = snapshot
  self.savedReadAt = savedReadAt
  self.doubt = doubt
  if (unread !== undefined) self.unread.inherit(unread)
  if (current !== undefined) self.deps.store.inherit(current)
}

function handOver({ deps, savedReadAt, doubt, unread, snapshot }: Self): Handover {
  const current = deps.store.current()
  return { current, savedReadAt, doubt, unread: unread.handOver(), snapshot }
}

/** Makes the refresher. Nothing is read before restore(), read() or rebuild(). */
export function createRefresher(deps: RefreshDeps): Refresher {
  const { clock, log, audit, config } = deps
  const self: Self = {
    deps,
    timing: timingOf(config),
    failures: createFailures({ clock, log, audit }),
    unread: createUnreadGroups({ clock, log, audit, offlineMs: config.source.offlineMs }),
    stopper: new AbortController(),
    savedReadAt: Number.NEGATIVE_INFINITY,
    snapshot: undefined,
    cost: 1,
    calls: {},
    doubt: undefined,
    changing: Promise.resolve(),
    interrupt: undefined,
  }
  return {
    restore: () => restore(self),
    inherit: (handover) => {
      inherit(self, handover)
    },
    handOver: () => handOver(self),
    read: (requests) => readUncut(self, requests),
    rebuild: (from) => rebuild(self, from),
    snapshot: () => self.snapshot,
    failure: self.failures.now,
    unread: self.unread.now,
    lastCost: () => self.cost,
    callsByOperation: () => self.calls,
    calls: () => sumOf(self.calls),
    close: async () => {
      self.stopper.abort()
      // Finish the write in progress, so that it cannot overwrite the next resolver's.
      await self.changing.catch(() => undefined)
    },
  }
}

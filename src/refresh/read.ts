// The work of the child process: one read of the source, from the question to the bytes of a directory. All
// its memory goes back to the host when it ends. The resolver decides when, and what becomes of the outcome.
import type { Config } from '../config/config.ts'
import { queriedGroups } from '../directory/access.ts'
import { buildDirectory } from '../directory/build.ts'
import { diffAccounts, isSameSource } from '../directory/diff.ts'
import { explainName } from '../directory/explain.ts'
import { keepHomes } from '../directory/homes.ts'
import { mergeUnread } from '../directory/merge.ts'
import { keepOverrides } from '../directory/overrides.ts'
import { confirms, lossBetween, type Loss } from '../directory/sanity.ts'
import type {
  Account,
  Directory,
  DirectoryRules,
  HostAccounts,
  SourceDirectory,
} from '../directory/types.ts'
import { linuxName, reservedNames, serviceNames } from '../directory/username.ts'
import { decodeSnapshot } from '../snapshot/decode.ts'
import { snapshotOf } from '../snapshot/view.ts'
import { encodeSnapshot } from '../snapshot/format.ts'
import { withSupplement } from '../snapshot/supplement.ts'
import type { Source } from '../sources/source.ts'
import type {
  Answer,
  DirectoryChange,
  LoggedNotice,
  NamedPerson,
  Outcome,
  Reading,
  ReadJob,
  SavedLoss,
} from './job.ts'
import { overridesNews } from './overrides-news.ts'
import { toReadError } from './read-error.ts'
import { salvageDirectory } from './salvage.ts'
import { fingerprintOf, type LoadedState, type SavedDirectory } from './state.ts'

export type ReadParts = {
  readonly source: Pick<Source, 'fetchDirectory' | 'calls'>
  /** The rules of a configuration, with the groups that this instance's tags name. */
  readonly rules: (config: Config, signal: AbortSignal) => Promise<DirectoryRules>
  readonly host: () => HostAccounts
  /**
   * The state of the last read; undefined where there is none.
   * @throws {FormatError} when it is damaged
   */
  readonly state: () => Promise<LoadedState | undefined>
  /** The bytes of the directory.db of before; undefined where there is none. */
  readonly snapshot: () => Promise<Buffer | undefined>
  readonly encodeState: (saved: SavedDirectory) => Buffer
  readonly signal: AbortSignal
}

/** An answer, with the bytes that belong to it. */
export type ReadResult = {
  readonly answer: Answer
  /** The bytes of a directory.db and the resolver's supplement. */
  readonly directory?: Buffer
  readonly state?: Buffer
}

/** Lines of notices that one directory may add to the log; `status` has all. */
const loggedNotices = 20

/** What a read begins with. */
type Before = {
  readonly pins: LoadedState['pins']
  /** Undefined where nothing is known that the outcome could be compared with. */
  readonly saved: SavedDirectory | undefined
  readonly hadState: boolean
  /** Reads the directory.db of before; undefined where there is none. */
  readonly snapshot: () => Promise<Buffer | undefined>
  readonly losses: readonly string[]
}

type Made = Omit<ReadResult, 'answer'> & { readonly outcome: Outcome }

/** A directory.db that is missing or damaged tells nothing. */
async function accountsOf(before: Before): Promise<readonly Account[]> {
  try {
    const snapshot = await before.snapshot()
    return snapshot === undefined ? [] : decodeSnapshot(snapshotOf(snapshot)).people
  } catch {
    return []
  }
}

/** What directory.json lost, directory.db gives back. */
async function salvage(
  { config }: ReadJob,
  parts: ReadParts,
  losses: string[],
): Promise<LoadedState | undefined> {
  const snapshot = await parts.snapshot()
  if (snapshot === undefined) return undefined
  try {
    const rules = await parts.rules(config, parts.signal)
    const saved = salvageDirectory(decodeSnapshot(snapshotOf(snapshot)), rules)
    losses.push(
      `directory.json is lost: ${saved.source.users.length} users are restored from directory.db until the source is read; shared accounts are open to nobody until then`,
    )
    return { pins: saved.pins, saved }
  } catch (error) {
    losses.push(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

async function loadBefore(job: ReadJob, parts: ReadParts): Promise<Before> {
  const losses: string[] = []
  const read = async (): Promise<LoadedState | undefined> => {
    try {
      return await parts.state()
    } catch (error) {
      losses.push(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }
  const state = (await read()) ?? (await salvage(job, parts, losses))
  return {
    pins: state?.pins ?? { uids: {}, gids: {} },
    saved: state?.saved,
    hadState: state !== undefined,
    snapshot: parts.snapshot,
    losses,
  }
}

function toSavedLoss({ reason, missing, scopes }: Loss): SavedLoss {
  return { reason, missing: [...missing], scopes }
}

/** Whether a loss needs a second read, or an administrator's word; undefined where it is believed. */
function doubtOf(
  before: SourceDirectory | undefined,
  fetched: SourceDirectory,
  { job, asked }: { readonly job: ReadJob; readonly asked: readonly string[] },
): Outcome | undefined {
  if (before === undefined || job.isConfirmed) return undefined
  const loss = lossBetween(before, fetched, asked)
  if (loss === undefined) return undefined
  const { doubt } = job
  const isSame =
    doubt !== undefined && confirms(loss, { ...doubt.loss, missing: new Set(doubt.loss.missing) })
  // A read a moment later, for an unknown name, may meet the same hiccup: that confirms nothing.
  if (isSame && doubt.isDue) return undefined
  return {
    kind: 'doubted',
    loss: toSavedLoss(loss),
    isSame,
    error: {
      code: 'source_suspicious',
      message: `${loss.reason}: the last good directory stays`,
      hint: 'a second read that says the same is believed; `iamlogin refresh --confirm` accepts it now',
    },
  }
}

function peopleIn(
  { users, keptUserIds = [] }: SourceDirectory,
  ids: readonly string[],
): Readonly<Record<string, NamedPerson>> {
  const wanted = new Set(ids)
  const kept = new Set(keptUserIds)
  return Object.fromEntries(
    users
      .filter(({ id }) => wanted.has(id))
      .map(({ id, name }) => [id, { name, isKept: kept.has(id) }]),
  )
}

function readingOf(
  before: SourceDirectory | undefined,
  now: SourceDirectory,
  peopleIds: readonly string[],
): Reading {
  const { groups, complete, unread = [], unreadOverrides } = now
  const isUnread = new Set(unread.map(({ name }) => name))
  const names = [...groups.map(({ name }) => name), ...(complete ? ['*'] : [])]
  const news = overridesNews(before, now)
  return {
    groups: names.filter((name) => !isUnread.has(name)),
    unread,
    people: peopleIn(now, peopleIds),
    ...(news === undefined ? {} : { overrides: news }),
    unreadOverrides:
      unreadOverrides === undefined
        ? null
        : {
            ...(unreadOverrides.reason === undefined ? {} : { reason: unreadOverrides.reason }),
            kept: unreadOverrides.keptIds.length,
            leftOut: unreadOverrides.unknownIds.length,
          },
  }
}

/** Local and reserved names: lookups of them end in the process that asks. */
function localNamesOf(
  { groups }: Directory,
  rules: DirectoryRules,
  host: HostAccounts,
): readonly string[] {
  const reserved = rules.reservedNames.flatMap((name) => [name, name.toLowerCase()])
  const names = new Set([
    ...[...reservedNames, ...serviceNames, ...reserved],
    ...[...host.sysusers.keys(), ...host.users.keys(), ...host.groups.keys()],
  ])
  for (const { name } of groups) names.delete(name)
  return [...names]
}

function changeOf(before: readonly Account[], now: Directory): DirectoryChange {
  const { added, removed, renamed } = diffAccounts(before, now.accounts)
  return {
    added: added.map(({ passwd }) => passwd.name),
    removed: removed.map(({ passwd }) => passwd.name),
    renamed: renamed.map(({ account, name }) => ({
      name: account.passwd.name,
      previousName: name,
    })),
  }
}

function leftOutNames({ refused }: Directory, rules: DirectoryRules): readonly string[] {
  return refused.flatMap((each) => {
    const mapped = each.code === 'tags-unread' ? linuxName(each.name, rules) : undefined
    return mapped?.ok === true ? [mapped.name] : []
  })
}

function newNotices(
  { notices }: Directory,
  before: readonly string[],
): { readonly notices: readonly LoggedNotice[]; readonly moreNotices: number } {
  const known = new Set(before)
  const news = notices.filter(({ reason }) => !known.has(reason))
  return {
    notices: news
      .slice(0, loggedNotices)
      .map(({ kind, name, code, reason }) => ({ kind, name, code, reason })),
    moreNotices: Math.max(0, news.length - loggedNotices),
  }
}

type Input = {
  readonly job: ReadJob
  readonly parts: ReadParts
  readonly rules: DirectoryRules
  readonly before: Before
  /** When `source` was read, milliseconds since the epoch. */
  readonly readAt: number
  readonly source: SourceDirectory
}

/** Builds the directory, and encodes it and the state. */
async function make(input: Input): Promise<Made> {
  const { job, parts, rules, before, readAt, source } = input
  const host = parts.host()
  const inputs = fingerprintOf(rules, host)
  const { saved } = before
  const last = job.isServing ? saved : undefined
  const reading = readingOf(last?.source, source, job.peopleIds)
  if (last?.inputs === inputs && isSameSource(last.source, source)) {
    const outcome = { kind: 'same' as const, reading }
    const { pins, notices = [] } = last
    return job.mustSave
      ? { outcome, state: parts.encodeState({ readAt, pins, source, rules, inputs, notices }) }
      : { outcome }
  }
  // Decoded only here: a read that finds nothing new does without.
  const accounts = await accountsOf(before)
  const pins = keepHomes(before.pins, accounts, source.users)
  const directory = buildDirectory({ source, rules, local: host, pins })
  const stamp = { generation: 0, readAt, offlineMs: job.config.source.offlineMs }
  const snapshot = encodeSnapshot({
    ...stamp,
    directory,
    ids: rules.ids,
    localNames: localNamesOf(directory, rules, host),
  })
  const notices = directory.notices.map(({ reason }) => reason)
  return {
    directory: withSupplement(snapshot, directory, source.keptUserIds ?? []),
    state: parts.encodeState({ readAt, pins: directory.pins, source, rules, inputs, notices }),
    outcome: {
      kind: 'changed',
      readAt,
      reading,
      ...(job.isServing ? { change: changeOf(accounts, directory) } : {}),
      leftOutNames: leftOutNames(directory, rules),
      ...newNotices(directory, last?.notices ?? []),
    },
  }
}

async function readSource(
  job: ReadJob,
  parts: ReadParts,
  context: { readonly rules: DirectoryRules; readonly before: Before },
): Promise<Made> {
  const { rules, before } = context
  const asked = queriedGroups(rules)
  const last = job.isServing ? before.saved?.source : undefined
  const query = { groups: asked, ...(last === undefined ? {} : { before: last }) }
  const told = await parts.source.fetchDirectory(query, parts.signal)
  const merged = mergeUnread(told, last, new Map(Object.entries(job.groupsReadAt)))
  const source = keepOverrides(merged, last)
  const doubted = doubtOf(last, source, { job, asked })
  if (doubted !== undefined) return { outcome: doubted }
  return make({ job, parts, rules, before, source, readAt: job.startedAt })
}

/** Whether the state tells of any of the groups: of others, it would only say that they have no members. */
function isOfUse({ source }: SavedDirectory, asked: readonly string[]): boolean {
  return (
    (source.complete && asked.includes('*')) ||
    source.groups.some(({ name }) => asked.includes(name))
  )
}

/** What `iamlogin explain` tells, as far as the directory decides. */
async function explain(
  { name = '' }: ReadJob,
  parts: ReadParts,
  { rules, before }: { readonly rules: DirectoryRules; readonly before: Before },
): Promise<Made> {
  const { pins, saved } = before
  if (saved === undefined) return { outcome: { kind: 'nothing', hadState: false } }
  const { source } = saved
  const local = parts.host()
  const homes = keepHomes(pins, await accountsOf(before), source.users)
  const directory = buildDirectory({ source, rules, local, pins: homes })
  return {
    outcome: {
      kind: 'explained',
      explanation: explainName(name, { source, directory, rules, local }),
    },
  }
}

/** Without reading the source: by other rules, or other local accounts, than before. */
async function readState(
  job: ReadJob,
  parts: ReadParts,
  context: { readonly rules: DirectoryRules; readonly before: Before },
): Promise<Made> {
  const { rules, before } = context
  const { saved, hadState } = before
  const asked = queriedGroups(rules)
  if (job.from === 'explain') return explain(job, parts, context)
  if (saved === undefined || (job.from === 'restart' && !isOfUse(saved, asked)))
    return { outcome: { kind: 'nothing', hadState } }
  const { source, readAt } = saved
  const known =
    saved.rules === undefined ? source.groups.map(({ name }) => name) : queriedGroups(saved.rules)
  // The groups of the new rules were not read yet: the directory of before serves until they are.
  if (job.from === 'reload' && !asked.every((name) => known.includes(name)))
    return { outcome: { kind: 'same' } }
  return make({ job, parts, rules, before, source, readAt })
}

/** Does the job. Never rejects: what fails is an outcome. */
export async function read(job: ReadJob, parts: ReadParts): Promise<ReadResult> {
  let losses: readonly string[] = []
  const answer = (outcome: Outcome): Answer => ({ outcome, calls: parts.source.calls(), losses })
  try {
    const before = await loadBefore(job, parts)
    ;({ losses } = before)
    // Local accounts count at once, although the instance's tags may be unreadable now.
    const isByOldRules = job.from === 'accounts' || job.from === 'explain'
    const saved = isByOldRules ? before.saved?.rules : undefined
    const rules = saved ?? (await parts.rules(job.config, parts.signal))
    const context = { rules, before }
    const { outcome, ...bytes } =
      job.from === 'source'
        ? await readSource(job, parts, context)
        : await readState(job, parts, context)
    return { ...bytes, answer: answer(outcome) }
  } catch (error) {
    return { answer: answer({ kind: 'failed', error: toReadError(error) }) }
  }
}

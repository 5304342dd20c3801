// What control.sock answers: one function a document, over what the daemon hands in.
import { flawOf } from '../keys/standing.ts'
import type { Explanation, ExplainStep } from '../directory/explain.ts'
import type { Account, SourceUser } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import { ageOf, type Clock } from '../platform/clock.ts'
import type { Explain } from '../refresh/explain.ts'
import type { MissResolver } from '../refresh/miss.ts'
import type { Refresher, ReadRequest, RefreshResult } from '../refresh/refresh.ts'
import type { Current, Store } from '../refresh/store.ts'
import type { SourceKind } from '../sources/source.ts'
import type {
  ExplainDocument,
  GroupsDocument,
  KeysDocument,
  OwedWriteDocument,
  RefreshDocument,
  StatusDocument,
  UsersDocument,
} from './documents.ts'

export type ControlParts = {
  readonly version: string
  readonly startedAt: number
  readonly store: Store
  readonly sourceKind: SourceKind
  /** Requests to the source since start, by operation. */
  readonly calls: () => Readonly<Record<string, number>>
  readonly refresher: Pick<Refresher, 'failure' | 'unread'>
  /** Has the source read. */
  readonly readNow: (request: ReadRequest) => Promise<RefreshResult>
  /** What the directory says of a name. */
  readonly explain: Explain
  readonly keys: KeyLookup
  readonly misses: MissResolver
  readonly missCallsPerMinute: number
  readonly snapshot: () => StatusDocument['snapshot']
  /** What was found wrong with the state files at the start. */
  readonly notices: () => readonly string[]
  readonly owed: () => readonly OwedWriteDocument[]
  /** Resolves when no write to the state directory is under way. */
  readonly written: () => Promise<void>
  readonly refreshMs: number
  readonly offlineMs: number
  readonly requireMfa: boolean
  /** A sentence where root's list of shared accounts does not have the account. */
  readonly missingShare: (account: string) => readonly string[]
  readonly clock: Clock
}

function stateOf({ refresher, store, keys }: ControlParts): StatusDocument['source']['state'] {
  if (refresher.failure() !== undefined) return 'failing'
  if (store.current() === undefined) return 'starting'
  const isWhole =
    refresher.unread().length + keys.problems().length === 0 && unreadOverrides(store) === null
  return isWhole ? 'ok' : 'partial'
}

function unreadOverrides(store: Store): StatusDocument['source']['unreadOverrides'] {
  const { reason, kept = 0, leftOut = 0 } = store.current()?.unreadOverrides ?? {}
  return reason === undefined ? null : { ...reason, kept, leftOut }
}

/** GET /status */
export function statusOf(parts: ControlParts): StatusDocument {
  const now = parts.store.current()
  const failure = parts.refresher.failure()
  const misses = parts.misses.stats()
  const report = now?.directory.report() ?? { refused: [], notices: [] }
  return {
    version: parts.version,
    startedAt: parts.startedAt,
    source: {
      kind: parts.sourceKind,
      state: stateOf(parts),
      lastError: failure ?? null,
      unreadGroups: parts.refresher
        .unread()
        .map((group) => ({ ...group, lastReadAt: group.lastReadAt ?? null })),
      unreadOverrides: unreadOverrides(parts.store),
      apiCalls: parts.calls(),
    },
    directory: {
      users: now?.directory.userCount ?? 0,
      groups: now?.directory.groupCount ?? 0,
      generation: now?.generation ?? 0,
      readAt: now?.readAt.wall ?? null,
      stale: now === undefined || ageOf(parts.clock, now.readAt) > parts.refreshMs * 3,
      refused: [...report.refused],
      notices: [...report.notices],
    },
    keys: { ...parts.keys.stats(), problems: [...parts.keys.problems()] },
    misses: {
      cached: misses.cached,
      budgetPerMinute: parts.missCallsPerMinute,
      budgetLeft: misses.budgetLeft,
    },
    snapshot: parts.snapshot(),
    owedWrites: [...parts.owed()],
    notices: [...parts.notices()],
    rssBytes: process.memoryUsage.rss(),
  }
}

/** All of a list, in its order. */
function* eachOf<T>(item: (index: number) => T | undefined): Generator<T> {
  for (let at = 0; ; at++) {
    const next = item(at)
    if (next === undefined) return
    yield next
  }
}

/** GET /users */
export function usersOf({ directory }: Current): UsersDocument {
  return {
    users: [...eachOf(directory.account)].map(({ passwd, user }) => ({
      ...passwd,
      iamName: user.name,
      arn: user.arn,
      id: user.id,
      groups: (directory.initgroups(passwd.name) ?? []).flatMap(
        (gid) => directory.groupByGid(gid)?.name ?? [],
      ),
    })),
  }
}

/** GET /groups */
export function groupsOf({ directory }: Current): GroupsDocument {
  return {
    groups: [...eachOf(directory.group)].map((group) => ({
      ...group,
      members: [...group.members],
    })),
  }
}

function keyRow(key: AuthorizedKey, owner: string): KeysDocument['keys'][number] {
  return {
    line: key.line,
    type: key.type,
    fingerprint: key.fingerprint,
    source: key.source,
    owner,
    uploadedAt: key.uploadedAt ?? null,
  }
}

/** As sshd would ask, by the Linux name; else by the name or the id in the source. */
function accountOf({ directory }: Current, name: string): Account | undefined {
  const byName = directory.accountByName(name)
  if (byName !== undefined) return byName
  for (const account of eachOf(directory.account)) if (account.user.name === name) return account
  return directory.accountById(name)
}

/** GET /keys/NAME; undefined for a name of no account, a sentence when the source cannot be asked. */
export async function keysOf(
  parts: ControlParts,
  current: Current,
  name: string,
): Promise<KeysDocument | string | undefined> {
  const shared = current.directory.sharersOf(name)
  const account = shared === undefined ? accountOf(current, name) : undefined
  const people = shared ?? (account === undefined ? undefined : [account.user])
  if (people === undefined) return undefined
  const keys: KeysDocument['keys'] = []
  const refused: KeysDocument['refused'] = []
  let stale = false
  for (const person of people) {
    const answer = await parts.keys.of(person)
    if (answer.status === 'unavail') return answer.reason
    stale ||= answer.stale
    keys.push(...answer.keys.map((key) => keyRow(key, person.name)))
    refused.push(...answer.refused)
  }
  return { user: account?.passwd.name ?? name, stale, keys, refused }
}

/** The keys of a person, with each that does not let them in. */
function keySteps(answer: PersonKeys): readonly ExplainStep[] {
  if (answer.status === 'unavail') return [{ rule: 'keys', outcome: 'fail', found: answer.reason }]
  const { keys, refused } = answer
  const whole = `${keys.length} valid of ${keys.length + refused.length}`
  return [
    {
      rule: 'keys',
      outcome: keys.length > 0 ? 'pass' : 'fail',
      found: answer.stale ? `${whole}, the last known ones` : whole,
    },
    ...refused.map(({ id, type, reason }) => ({
      rule: 'keys',
      outcome: 'info' as const,
      found: `key ${id}${type === '' ? '' : ` (${type})`} ${reason}`,
    })),
  ]
}

function mfaStep(answer: PersonKeys): ExplainStep {
  const mfa = answer.status === 'success' ? answer.mfa : undefined
  return {
    rule: 'access.require_mfa',
    outcome: mfa === true ? 'pass' : 'fail',
    found:
      mfa === undefined
        ? 'whether there is an MFA device cannot be read'
        : `${mfa ? 'an' : 'no'} MFA device in the source`,
  }
}

/** What the door goes by beside the directory: keys, MFA and the age of what is known. */
async function personSteps(
  parts: ControlParts,
  person: SourceUser,
  ageMs: number,
): Promise<{ readonly allowed: boolean; readonly steps: readonly ExplainStep[] }> {
  const answer = await parts.keys.of(person)
  const isExpired = ageMs > parts.offlineMs
  const expired: ExplainStep = {
    rule: 'source.offline',
    outcome: 'fail',
    found: `the source was read ${Math.round(ageMs / 1000)} s ago, which is longer than source.offline`,
  }
  return {
    allowed:
      !isExpired && answer.status === 'success' && flawOf(answer, parts.requireMfa) === undefined,
    steps: [
      ...keySteps(answer),
      ...(parts.requireMfa ? [mfaStep(answer)] : []),
      ...(isExpired ? [expired] : []),
    ],
  }
}

/** Root's list has the last word on shared accounts: the key command goes by it. */
function shareSteps(
  parts: ControlParts,
  { account, allowed }: Explanation,
): readonly ExplainStep[] {
  return allowed && account !== undefined
    ? parts
        .missingShare(account)
        .map((found) => ({ rule: "root's list", outcome: 'fail' as const, found }))
    : []
}

/** What decides beside the directory: keys and MFA of a person, root's list for a shared account. */
async function stepsAfter(
  parts: ControlParts,
  told: Explanation & { readonly name: string },
  ageMs: number,
): Promise<{ readonly allowed: boolean; readonly steps: readonly ExplainStep[] }> {
  if (told.person !== undefined)
    return told.allowed ? personSteps(parts, told.person, ageMs) : { allowed: false, steps: [] }
  const age: ExplainStep = {
    rule: 'directory',
    outcome: 'info',
    found: `read ${Math.round(ageMs / 1000)} s ago; \`iamlogin refresh ${told.name}\` asks now`,
  }
  const missing = shareSteps(parts, told)
  return {
    allowed: told.allowed && missing.length === 0,
    steps: [...(told.isLocal ? [] : [age]), ...missing],
  }
}

/** GET /explain/NAME */
export async function explainOf(parts: ControlParts, name: string): Promise<ExplainDocument> {
  if (parts.store.current() === undefined)
    return {
      name,
      allowed: false,
      account: null,
      isLocal: false,
      passwd: null,
      steps: [{ rule: 'directory', outcome: 'fail', found: 'not read yet' }],
    }
  const told = await parts.explain(name)
  const current = parts.store.current()
  const ageMs = current === undefined ? 0 : ageOf(parts.clock, current.readAt)
  const { allowed, steps } = await stepsAfter(parts, { ...told, name }, ageMs)
  return {
    name,
    allowed,
    account: told.account ?? null,
    isLocal: told.isLocal,
    passwd: current?.directory.accountByName(told.account ?? '')?.passwd ?? null,
    steps: [...told.steps, ...steps],
  }
}

/** POST /refresh */
export async function refreshNow(
  parts: ControlParts,
  options: { readonly user: string | undefined; readonly confirm: boolean },
): Promise<RefreshDocument> {
  const account =
    options.user === undefined
      ? undefined
      : parts.store.current()?.directory.accountByName(options.user)
  parts.keys.expire(account?.user.id)
  if (options.confirm) parts.keys.confirm()
  const result = await parts.readNow({ confirm: options.confirm })
  await parts.written()
  const now = parts.store.current()
  return {
    refreshed: result.ok,
    users: now?.directory.userCount ?? 0,
    groups: now?.directory.groupCount ?? 0,
    error: result.ok ? null : result.failure,
    owedWrites: [...parts.owed()],
  }
}

// What control.sock answers: one function a document, over what the daemon hands in.
import { explainName, type ExplainStep } from '../directory/explain.ts'
import type { Account } from '../directory/types.ts'
import type { AuthorizedKey } from '../keys/authorized-key.ts'
import type { KeyLookup, PersonKeys } from '../keys/lookup.ts'
import { ageOf, type Clock } from '../platform/clock.ts'
import type { MissResolver } from '../refresh/miss.ts'
import type { Refresher } from '../refresh/refresh.ts'
import type { Current, Store } from '../refresh/store.ts'
import type { Source } from '../sources/source.ts'
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
  readonly source: Pick<Source, 'kind' | 'calls'>
  readonly refresher: Refresher
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
  readonly clock: Clock
}

function stateOf({ refresher, store, keys }: ControlParts): StatusDocument['source']['state'] {
  if (refresher.failure() !== undefined) return 'failing'
  if (store.current() === undefined) return 'starting'
  return refresher.unread().length + keys.problems().length === 0 ? 'ok' : 'partial'
}

/** GET /status */
export function statusOf(parts: ControlParts): StatusDocument {
  const now = parts.store.current()
  const failure = parts.refresher.failure()
  const misses = parts.misses.stats()
  return {
    version: parts.version,
    startedAt: parts.startedAt,
    source: {
      kind: parts.source.kind,
      state: stateOf(parts),
      lastError: failure ?? null,
      unreadGroups: parts.refresher
        .unread()
        .map((group) => ({ ...group, lastReadAt: group.lastReadAt ?? null })),
      apiCalls: parts.source.calls(),
    },
    directory: {
      users: now?.directory.accounts.length ?? 0,
      groups: now?.directory.groups.length ?? 0,
      generation: now?.generation ?? 0,
      readAt: now?.readAt.wall ?? null,
      stale: now === undefined || ageOf(parts.clock, now.readAt) > parts.refreshMs * 3,
      refused: [...(now?.directory.refused ?? [])],
      notices: [...(now?.directory.notices ?? [])],
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

/** GET /users */
export function usersOf(current: Current | undefined): UsersDocument {
  return {
    users: (current?.directory.accounts ?? []).map(({ passwd, user }) => ({
      ...passwd,
      iamName: user.name,
      arn: user.arn,
      id: user.id,
      groups: (current?.index.initgroups(passwd.name) ?? []).flatMap(
        (gid) => current?.index.groupByGid(gid)?.name ?? [],
      ),
    })),
  }
}

/** GET /groups */
export function groupsOf(current: Current | undefined): GroupsDocument {
  return {
    groups: (current?.directory.groups ?? []).map((group) => ({
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
function accountOf(current: Current | undefined, name: string): Account | undefined {
  if (current === undefined) return undefined
  return (
    current.index.accountByName(name) ??
    current.directory.accounts.find(({ user }) => user.name === name) ??
    current.index.accountById(name)
  )
}

/** GET /keys/NAME; undefined for nobody of ours, a sentence when the source cannot be asked. */
export async function keysOf(
  parts: ControlParts,
  name: string,
): Promise<KeysDocument | string | undefined> {
  const current = parts.store.current()
  const shared = current?.directory.shared[name]
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

/** Whether the keys of a person let them in, with each that does not. */
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

/** GET /explain/NAME */
export async function explainOf(parts: ControlParts, name: string): Promise<ExplainDocument> {
  const current = parts.store.current()
  if (current === undefined)
    return {
      name,
      allowed: false,
      account: null,
      passwd: null,
      steps: [{ rule: 'directory', outcome: 'fail', found: 'not read yet' }],
    }
  const { source, directory, local, rules } = current
  const told = explainName(name, { source, directory, rules, local })
  const steps: ExplainStep[] = [...told.steps]
  const document = (allowed: boolean): ExplainDocument => ({
    name,
    allowed,
    account: told.account ?? null,
    passwd: current.index.accountByName(told.account ?? '')?.passwd ?? null,
    steps,
  })
  if (told.person === undefined) {
    if (!local.users.has(name)) {
      const age = Math.round(ageOf(parts.clock, current.readAt) / 1000)
      steps.push({
        rule: 'directory',
        outcome: 'info',
        found: `read ${age} s ago; \`iamlogin refresh ${name}\` asks now`,
      })
    }
    return document(told.allowed)
  }
  if (!told.allowed) return document(false)
  const answer = await parts.keys.of(told.person)
  steps.push(...keySteps(answer))
  return document(answer.status === 'success' && answer.keys.length > 0)
}

/** POST /refresh */
export async function refreshNow(
  parts: ControlParts,
  options: { readonly user: string | undefined; readonly confirm: boolean },
): Promise<RefreshDocument> {
  const account =
    options.user === undefined
      ? undefined
      : parts.store.current()?.index.accountByName(options.user)
  parts.keys.expire(account?.user.id)
  if (options.confirm) parts.keys.confirm()
  const result = await parts.refresher.readNow({ confirm: options.confirm })
  await parts.written()
  const now = parts.store.current()
  return {
    refreshed: result.ok,
    users: now?.directory.accounts.length ?? 0,
    groups: now?.directory.groups.length ?? 0,
    error: result.ok ? null : result.failure,
    owedWrites: [...parts.owed()],
  }
}

// Opcode -> answer. Hits are answered at once; only what must wait gives a promise.
import type { AccountAnswer, Door } from '../access/door.ts'
import type { Sessions } from '../access/session.ts'
import type { Account, Group } from '../directory/types.ts'
import type { MissResolver } from '../refresh/miss.ts'
import type { Store } from '../refresh/store.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import { encodeFailure, encodeSuccess, type Request, type Response } from '../wire/codec.ts'
import { op, status, verdict, type Verdict } from '../wire/protocol.ts'

export type Answer = Buffer | Promise<Buffer>
/** @param isPrivileged root or our own user asks: sshd, PAM and the key command among them */
export type Handler = (request: Request, isPrivileged: boolean) => Answer

export type HandlerDeps = {
  readonly store: Store
  readonly misses: MissResolver
  readonly door: Door
  readonly sessions: Sessions
  readonly version: string
}

/** Entries of one page of a list, and the bytes that a page aims at. */
const pageEntries = 1000
const pageBytes = 256 * 1024

const verdicts: Readonly<Record<Exclude<AccountAnswer['verdict'], 'unknown'>, Verdict>> = {
  allow: verdict.ALLOW,
  deny: verdict.DENY,
  ignore: verdict.IGNORE,
}

/** The entries from `offset` on that fit in one page. */
function page<T>(
  entry: (index: number) => T | undefined,
  offset: number,
  size: (entry: T) => number,
): readonly T[] {
  const entries: T[] = []
  let bytes = 0
  while (entries.length < pageEntries && (entries.length === 0 || bytes < pageBytes)) {
    const next = entry(offset + entries.length)
    if (next === undefined) break
    entries.push(next)
    bytes += size(next)
  }
  return entries
}

function unavailable(code: number, reason = 'no directory yet'): Buffer {
  return encodeFailure(code, status.UNAVAIL, reason)
}

function notFound(code: number): Buffer {
  return encodeFailure(code, status.NOTFOUND, 'no such entry')
}

function success(code: number, response: Response): Buffer {
  return encodeSuccess(code, response, false)
}

function answerAccount(code: number, { passwd }: Account, directory: DirectoryView): Buffer {
  return code === op.INITGROUPS
    ? success(code, { kind: 'gids', gids: directory.initgroups(passwd.name) ?? [] })
    : success(code, { kind: 'passwd', passwd })
}

/** The answer where the directory has the name. */
function found({ store }: HandlerDeps, code: number, name: string): Buffer | undefined {
  const directory = store.current()?.directory
  const account = directory?.accountByName(name)
  return directory === undefined || account === undefined
    ? undefined
    : answerAccount(code, account, directory)
}

async function missed(deps: HandlerDeps, code: number, name: string): Promise<Buffer> {
  const answer = await deps.misses.ask(name)
  return (
    found(deps, code, name) ??
    (answer === 'absent' ? notFound(code) : unavailable(code, 'the source cannot be asked now'))
  )
}

function byUserName(deps: HandlerDeps, code: number, name: string, isPrivileged: boolean): Answer {
  const answer = found(deps, code, name)
  if (answer !== undefined) return answer
  if (deps.misses.isKnownMiss(name, isPrivileged)) return notFound(code)
  return missed(deps, code, name)
}

function byUid({ store }: HandlerDeps, code: number, uid: number): Buffer {
  const directory = store.current()?.directory
  if (directory === undefined) return unavailable(code)
  const account = directory.accountByUid(uid)
  return account === undefined ? notFound(code) : answerAccount(code, account, directory)
}

function byGroup(
  { store }: HandlerDeps,
  code: number,
  find: (directory: DirectoryView) => Group | undefined,
): Buffer {
  const directory = store.current()?.directory
  if (directory === undefined) return unavailable(code)
  const group = find(directory)
  return group === undefined ? notFound(code) : success(code, { kind: 'group', group })
}

type ListRequest = Extract<Request, { op: typeof op.PASSWD_LIST | typeof op.GROUP_LIST }>

/** One page of the directory that the list began with, where it is still there. */
function list({ store }: HandlerDeps, { op: code, generation, offset }: ListRequest): Buffer {
  const wanted = [store.current(), store.previous()].find(
    (each) => each !== undefined && (generation === 0n || BigInt(each.generation) === generation),
  )
  if (wanted === undefined) return unavailable(code, 'that directory was replaced')
  const { directory } = wanted
  const common = (count: number, total: number) => {
    const next = offset + count < total ? offset + count : 0
    if (next !== 0 && wanted === store.current()) store.listed()
    return { generation: BigInt(wanted.generation), next }
  }
  if (code === op.PASSWD_LIST) {
    const passwdAt = (at: number) => directory.account(at)?.passwd
    const entries = page(passwdAt, offset, () => 200)
    return success(code, {
      kind: 'passwds',
      ...common(entries.length, directory.userCount),
      entries,
    })
  }
  const entries = page(directory.group, offset, ({ members }) => 50 + members.length * 34)
  return success(code, { kind: 'groups', ...common(entries.length, directory.groupCount), entries })
}

async function keys(
  { door }: HandlerDeps,
  request: Extract<Request, { op: typeof op.AUTHORIZED_KEYS }>,
): Promise<Buffer> {
  const answer = await door.authorizedKeys(request)
  switch (answer.status) {
    case 'success':
      return encodeSuccess(request.op, { kind: 'keys', lines: answer.lines }, answer.stale)
    case 'notfound':
      return notFound(request.op)
    case 'unavail':
      return unavailable(request.op, answer.reason)
  }
}

async function account(
  { door }: HandlerDeps,
  request: Extract<Request, { op: typeof op.ACCOUNT }>,
): Promise<Buffer> {
  const { user, service, tty, rhost, ruser } = request
  const answer = await door.account(user, { service, tty, rhost, ruser })
  const { rule, message } = answer
  if (answer.verdict === 'unknown') return unavailable(request.op, rule)
  return encodeSuccess(
    request.op,
    { kind: 'verdict', verdict: verdicts[answer.verdict], rule, message },
    answer.stale,
  )
}

function handle(deps: HandlerDeps, request: Request, isPrivileged: boolean): Answer {
  const code = request.op
  switch (code) {
    case op.PING:
      return success(code, { kind: 'version', version: deps.version })
    case op.PASSWD_BY_NAME:
    case op.INITGROUPS:
      return byUserName(deps, code, request.name, isPrivileged)
    case op.PASSWD_BY_UID:
      return byUid(deps, code, request.id)
    case op.GROUP_BY_NAME:
      return byGroup(deps, code, (directory) => directory.groupByName(request.name))
    case op.GROUP_BY_GID:
      return byGroup(deps, code, (directory) => directory.groupByGid(request.id))
    case op.PASSWD_LIST:
    case op.GROUP_LIST:
      return list(deps, request)
    case op.AUTHORIZED_KEYS:
      return keys(deps, request)
    case op.ACCOUNT:
      return account(deps, request)
    case op.SESSION_OPEN:
      return deps.sessions.open(request).then(() => success(code, { kind: 'done' }))
    case op.SESSION_CLOSE:
      return deps.sessions.close(request).then(() => success(code, { kind: 'done' }))
  }
}

/** Makes the table of answers. */
export function createHandler(deps: HandlerDeps): Handler {
  return (request, isPrivileged) => handle(deps, request, isPrivileged)
}

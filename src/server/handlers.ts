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

/** Makes the table of answers. */
export function createHandler(deps: HandlerDeps): Handler {
  const { store, misses, door, sessions } = deps
  const unavailable = (code: number, reason = 'no directory yet'): Buffer =>
    encodeFailure(code, status.UNAVAIL, reason)
  const notFound = (code: number): Buffer => encodeFailure(code, status.NOTFOUND, 'no such entry')
  const success = (code: number, response: Response): Buffer => encodeSuccess(code, response, false)

  const answerAccount = (code: number, account: Account, directory: DirectoryView): Buffer =>
    code === op.INITGROUPS
      ? success(code, { kind: 'gids', gids: directory.initgroups(account.passwd.name) ?? [] })
      : success(code, { kind: 'passwd', passwd: account.passwd })

  /** The answer where the directory has the name. */
  const found = (code: number, name: string): Buffer | undefined => {
    const directory = store.current()?.directory
    const account = directory?.accountByName(name)
    return directory === undefined || account === undefined
      ? undefined
      : answerAccount(code, account, directory)
  }

  const missed = async (code: number, name: string): Promise<Buffer> => {
    const answer = await misses.ask(name)
    return (
      found(code, name) ??
      (answer === 'absent' ? notFound(code) : unavailable(code, 'the source cannot be asked now'))
    )
  }

  const byUserName = (code: number, name: string, isPrivileged: boolean): Answer => {
    const answer = found(code, name)
    if (answer !== undefined) return answer
    if (misses.isKnownMiss(name, isPrivileged)) return notFound(code)
    return missed(code, name)
  }

  const byGroup = (code: number, find: (directory: DirectoryView) => Group | undefined): Buffer => {
    const directory = store.current()?.directory
    if (directory === undefined) return unavailable(code)
    const group = find(directory)
    return group === undefined ? notFound(code) : success(code, { kind: 'group', group })
  }

  const list = (code: number, generation: bigint, offset: number): Buffer => {
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
      const entries = page(
        (at) => directory.account(at)?.passwd,
        offset,
        () => 200,
      )
      const ends = common(entries.length, directory.userCount)
      return success(code, { kind: 'passwds', ...ends, entries })
    }
    const entries = page(directory.group, offset, ({ members }) => 50 + members.length * 34)
    return success(code, {
      kind: 'groups',
      ...common(entries.length, directory.groupCount),
      entries,
    })
  }

  const keys = async (
    request: Extract<Request, { op: typeof op.AUTHORIZED_KEYS }>,
  ): Promise<Buffer> => {
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

  const account = async (request: Extract<Request, { op: typeof op.ACCOUNT }>): Promise<Buffer> => {
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

  return (request, isPrivileged) => {
    const code = request.op
    switch (code) {
      case op.PING:
        return success(code, { kind: 'version', version: deps.version })
      case op.PASSWD_BY_NAME:
      case op.INITGROUPS:
        return byUserName(code, request.name, isPrivileged)
      case op.PASSWD_BY_UID: {
        const directory = store.current()?.directory
        if (directory === undefined) return unavailable(code)
        const account = directory.accountByUid(request.id)
        return account === undefined ? notFound(code) : answerAccount(code, account, directory)
      }
      case op.GROUP_BY_NAME:
        return byGroup(code, (directory) => directory.groupByName(request.name))
      case op.GROUP_BY_GID:
        return byGroup(code, (directory) => directory.groupByGid(request.id))
      case op.PASSWD_LIST:
      case op.GROUP_LIST:
        return list(code, request.generation, request.offset)
      case op.AUTHORIZED_KEYS:
        return keys(request)
      case op.ACCOUNT:
        return account(request)
      case op.SESSION_OPEN:
        return sessions.open(request).then(() => success(code, { kind: 'done' }))
      case op.SESSION_CLOSE:
        return sessions.close(request).then(() => success(code, { kind: 'done' }))
    }
  }
}

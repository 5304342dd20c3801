// Opcode -> answer. Hits are answered at once; only what must wait gives a promise.
import type { AccountAnswer, Door } from '../access/door.ts'
import type { Sessions } from '../access/session.ts'
import type { DirectoryIndex } from '../directory/lookup.ts'
import type { Account, Group } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { MissResolver } from '../refresh/miss.ts'
import type { Current, Store } from '../refresh/store.ts'
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
  readonly clock: Clock
}

const previousMs = 10_000

/** Entries of one page of a list, and the bytes that a page aims at. */
const pageEntries = 1000
const pageBytes = 256 * 1024

const verdicts: Readonly<Record<Exclude<AccountAnswer['verdict'], 'unknown'>, Verdict>> = {
  allow: verdict.ALLOW,
  deny: verdict.DENY,
  ignore: verdict.IGNORE,
}

function page<T>(entries: readonly T[], offset: number, size: (entry: T) => number): readonly T[] {
  let bytes = 0
  let end = offset
  while (
    end < entries.length &&
    end - offset < pageEntries &&
    (end === offset || bytes < pageBytes)
  ) {
    const entry = entries[end]
    if (entry !== undefined) bytes += size(entry)
    end++
  }
  return entries.slice(offset, end)
}

/** Makes the table of answers. */
export function createHandler(deps: HandlerDeps): Handler {
  const { store, misses, door, sessions } = deps
  let previous: Current | undefined
  store.subscribe((now, before) => {
    if (now.generation === before?.generation) return
    previous = before
    // For lists that are under way; a large directory is too much to keep for longer.
    deps.clock.after(previousMs, () => {
      if (previous === before) previous = undefined
    })
  })
  const unavailable = (code: number, reason = 'no directory yet'): Buffer =>
    encodeFailure(code, status.UNAVAIL, reason)
  const notFound = (code: number): Buffer => encodeFailure(code, status.NOTFOUND, 'no such entry')
  const success = (code: number, response: Response): Buffer => encodeSuccess(code, response, false)

  const answerAccount = (code: number, account: Account, now: Current): Buffer =>
    code === op.INITGROUPS
      ? success(code, { kind: 'gids', gids: now.index.initgroups(account.passwd.name) ?? [] })
      : success(code, { kind: 'passwd', passwd: account.passwd })

  const missed = async (code: number, name: string): Promise<Buffer> => {
    const answer = await misses.ask(name)
    const now = store.current()
    const account = now?.index.accountByName(name)
    if (now !== undefined && account !== undefined) return answerAccount(code, account, now)
    return answer === 'absent'
      ? notFound(code)
      : unavailable(code, 'the source cannot be asked now')
  }

  const byUserName = (code: number, name: string, isPrivileged: boolean): Answer => {
    const now = store.current()
    const account = now?.index.accountByName(name)
    if (now !== undefined && account !== undefined) return answerAccount(code, account, now)
    if (misses.isKnownMiss(name, isPrivileged)) return notFound(code)
    return missed(code, name)
  }

  const byGroup = (code: number, find: (index: DirectoryIndex) => Group | undefined): Buffer => {
    const index = store.current()?.index
    if (index === undefined) return unavailable(code)
    const group = find(index)
    return group === undefined ? notFound(code) : success(code, { kind: 'group', group })
  }

  const list = (code: number, generation: bigint, offset: number): Buffer => {
    const wanted = [store.current(), previous].find(
      (each) => each !== undefined && (generation === 0n || BigInt(each.generation) === generation),
    )
    if (wanted === undefined) return unavailable(code, 'that directory was replaced')
    const { accounts, groups } = wanted.directory
    const common = (count: number, total: number) => ({
      generation: BigInt(wanted.generation),
      next: offset + count < total ? offset + count : 0,
    })
    if (code === op.PASSWD_LIST) {
      const entries = page(accounts, offset, () => 200).map(({ passwd }) => passwd)
      return success(code, { kind: 'passwds', ...common(entries.length, accounts.length), entries })
    }
    const entries = page(groups, offset, (group) => 50 + group.members.length * 34)
    return success(code, { kind: 'groups', ...common(entries.length, groups.length), entries })
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
        const now = store.current()
        const found = now?.index.accountByUid(request.id)
        if (now === undefined) return unavailable(code)
        return found === undefined ? notFound(code) : answerAccount(code, found, now)
      }
      case op.GROUP_BY_NAME:
        return byGroup(code, (index) => index.groupByName(request.name))
      case op.GROUP_BY_GID:
        return byGroup(code, (index) => index.groupByGid(request.id))
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

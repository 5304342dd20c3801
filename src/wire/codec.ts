// Frames <-> values. The grammar is native/common/protocol.h; bytes never pass here unchecked.
import type { Group, Passwd } from '../directory/types.ts'
import { FormatError } from '../errors.ts'
import { createReader, createWriter, type Reader, type Writer } from './bytes.ts'
import { flagStale, op, status, wireVersion, type Status, type Verdict } from './protocol.ts'

/** The PAM context of a login: PAM's items, cleaned and cut by the module; pam_get_item(3). */
export type PamContext = {
  readonly user: string
  readonly service: string
  readonly tty: string
  readonly rhost: string
  readonly ruser: string
}

export type SessionFields = PamContext & {
  readonly pid: number
  /** Microseconds since the epoch. */
  readonly timeUs: bigint
  readonly session: string
  /** SSH_AUTH_INFO_0 of sshd, or empty. */
  readonly authInfo: string
}

export type Request =
  | { readonly op: typeof op.PING }
  | {
      readonly op: typeof op.PASSWD_BY_NAME | typeof op.GROUP_BY_NAME | typeof op.INITGROUPS
      readonly name: string
    }
  | { readonly op: typeof op.PASSWD_BY_UID | typeof op.GROUP_BY_GID; readonly id: number }
  | {
      readonly op: typeof op.PASSWD_LIST | typeof op.GROUP_LIST
      readonly generation: bigint
      readonly offset: number
    }
  | {
      readonly op: typeof op.AUTHORIZED_KEYS
      readonly user: string
      readonly uid: number
      readonly keyType: string
      readonly keyBlob: string
    }
  | ({ readonly op: typeof op.ACCOUNT } & PamContext)
  | ({ readonly op: typeof op.SESSION_OPEN | typeof op.SESSION_CLOSE } & SessionFields)

export type Response =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'passwd'; readonly passwd: Passwd }
  | { readonly kind: 'group'; readonly group: Group }
  | { readonly kind: 'gids'; readonly gids: readonly number[] }
  | {
      readonly kind: 'passwds'
      readonly generation: bigint
      readonly next: number
      readonly entries: readonly Passwd[]
    }
  | {
      readonly kind: 'groups'
      readonly generation: bigint
      readonly next: number
      readonly entries: readonly Group[]
    }
  | { readonly kind: 'keys'; readonly lines: readonly string[] }
  | {
      readonly kind: 'verdict'
      readonly verdict: Verdict
      readonly rule: string
      readonly message: string
    }
  | { readonly kind: 'done' }

function malformed(what: string): FormatError {
  return new FormatError('format_frame', `decoding a frame: ${what}`, {
    hint: 'the other side speaks another version of the protocol, or no protocol at all',
  })
}

/** What PAM tells of a login; native/pam/pam-context.h writes it. */
function readPamContext(read: Reader): PamContext {
  return {
    user: read.str(),
    service: read.str(),
    tty: read.str(),
    rhost: read.str(),
    ruser: read.str(),
  }
}

function writePamContext(write: Writer, { user, service, tty, rhost, ruser }: PamContext): void {
  for (const each of [user, service, tty, rhost, ruser]) write.str(each)
}

function readPayload(code: number, read: Reader): Request {
  switch (code) {
    case op.PING:
      return { op: code }
    case op.PASSWD_BY_NAME:
    case op.GROUP_BY_NAME:
    case op.INITGROUPS:
      return { op: code, name: read.str() }
    case op.PASSWD_BY_UID:
    case op.GROUP_BY_GID:
      return { op: code, id: read.u32() }
    case op.PASSWD_LIST:
    case op.GROUP_LIST:
      return { op: code, generation: read.u64(), offset: read.u32() }
    case op.AUTHORIZED_KEYS:
      return {
        op: code,
        user: read.str(),
        uid: read.u32(),
        keyType: read.str(),
        keyBlob: read.str(),
      }
    case op.ACCOUNT:
      return { op: code, ...readPamContext(read) }
    case op.SESSION_OPEN:
    case op.SESSION_CLOSE:
      return {
        op: code,
        ...readPamContext(read),
        pid: read.u32(),
        timeUs: read.i64(),
        session: read.str(),
        authInfo: read.str(),
      }
    default:
      throw malformed(`unknown opcode ${code}`)
  }
}

/**
 * Decodes the bytes after the length field.
 * @throws {FormatError} for any byte that is not as the grammar says.
 */
export function decodeRequest(body: Buffer): Request {
  const read = createReader(body)
  const version = read.u8()
  if (version !== wireVersion) throw malformed(`version ${version}, this is ${wireVersion}`)
  const code = read.u8()
  if (read.u16() !== 0) throw malformed('flags that have no meaning')
  const request = readPayload(code, read)
  read.end()
  return request
}

/** The whole request frame, length included. */
// eslint-disable-next-line max-lines-per-function -- a switch with the fields of each opcode
export function encodeRequest(request: Request): Buffer {
  const write = createWriter()
  write.u8(wireVersion)
  write.u8(request.op)
  write.u16(0)
  switch (request.op) {
    case op.PING:
      break
    case op.PASSWD_BY_NAME:
    case op.GROUP_BY_NAME:
    case op.INITGROUPS:
      write.str(request.name)
      break
    case op.PASSWD_BY_UID:
    case op.GROUP_BY_GID:
      write.u32(request.id)
      break
    case op.PASSWD_LIST:
    case op.GROUP_LIST:
      write.u64(request.generation)
      write.u32(request.offset)
      break
    case op.AUTHORIZED_KEYS:
      write.str(request.user)
      write.u32(request.uid)
      write.str(request.keyType)
      write.str(request.keyBlob)
      break
    case op.ACCOUNT:
    case op.SESSION_OPEN:
    case op.SESSION_CLOSE:
      writePamContext(write, request)
      if (request.op !== op.ACCOUNT) {
        write.u32(request.pid)
        write.i64(request.timeUs)
        write.str(request.session)
        write.str(request.authInfo)
      }
      break
  }
  return write.finish()
}

/** The passwd record of protocol.h. */
export function writePasswd(write: Writer, entry: Passwd): void {
  write.str(entry.name)
  write.u32(entry.uid)
  write.u32(entry.gid)
  write.str(entry.gecos)
  write.str(entry.dir)
  write.str(entry.shell)
}

/** The group record of protocol.h. */
export function writeGroup(write: Writer, entry: Group): void {
  write.str(entry.name)
  write.u32(entry.gid)
  write.list(entry.members, write.str)
}

function start(code: number, state: Status, stale: boolean): Writer {
  const write = createWriter()
  write.u8(wireVersion)
  write.u8(code)
  write.u8(state)
  write.u8(stale ? flagStale : 0)
  return write
}

/** A whole success frame for `code`, length included. */
export function encodeSuccess(code: number, response: Response, stale: boolean): Buffer {
  const write = start(code, status.SUCCESS, stale)
  switch (response.kind) {
    case 'version':
      write.str(response.version)
      break
    case 'passwd':
      writePasswd(write, response.passwd)
      break
    case 'group':
      writeGroup(write, response.group)
      break
    case 'gids':
      write.list(response.gids, write.u32)
      break
    case 'passwds':
    case 'groups':
      writePage(write, response)
      break
    case 'keys':
      write.list(response.lines, write.str)
      break
    case 'verdict':
      write.u8(response.verdict)
      write.str(response.rule)
      write.str(response.message)
      break
    case 'done':
      break
  }
  return write.finish()
}

/** A page of a list, and where the next one begins. */
function writePage(
  write: Writer,
  response: Extract<Response, { kind: 'passwds' | 'groups' }>,
): void {
  write.u64(response.generation)
  write.u32(response.next)
  if (response.kind === 'passwds')
    write.list(response.entries, (entry) => {
      writePasswd(write, entry)
    })
  else
    write.list(response.entries, (entry) => {
      writeGroup(write, entry)
    })
}

/** A whole frame that says no, with the reason for logs. */
export function encodeFailure(code: number, state: Exclude<Status, 0 | 5>, reason: string): Buffer {
  const write = start(code, state, false)
  write.str(reason)
  return write.finish()
}

/** A sign of life: the response follows. */
export function encodePending(code: number): Buffer {
  return start(code, status.PENDING, false).finish()
}

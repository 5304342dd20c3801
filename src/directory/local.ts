// /etc/passwd and /etc/group as text -> the names and ids that are not ours to touch. What is an account
// to glibc's "files" is one here, by the rules at the head of native/common/local-lines.h, to the letter;
// test/vectors/local-lines.txt holds both to the same.
import type { HostAccounts } from './types.ts'

export type LocalKind = 'passwd' | 'group'

/** One account of /etc/passwd, or one group of /etc/group. */
export type LocalEntry = {
  /** May be empty, or hold any byte but ":", NUL and newline. */
  readonly name: string
  /** Of a user the uid, of a group the gid. */
  readonly id: number
  /** Of a user the primary group, of a group its id. */
  readonly gid: number
  /** Of a user; of a group empty. */
  readonly home: string
}

const largest = 4_294_967_295

/** strtoul(3), base 10, cut to 32 bits as glibc does: too large or negative is 4294967295. */
function readId(field: string | undefined): number | undefined {
  const number = field?.replace(/^[ \t\v\f\r]+/, '')
  if (number === undefined || !/^[+-]?\d+$/.test(number)) return undefined
  const value = BigInt(number)
  // Out of the range of unsigned long on either side; within it, a negative one wraps around.
  if (value >= 1n << 64n || value <= -1n << 64n) return largest
  return Math.min(Number(BigInt.asUintN(64, value)), largest)
}

function readLine(line: string, kind: LocalKind): LocalEntry | undefined {
  const nul = line.indexOf('\0')
  const text = (nul === -1 ? line : line.slice(0, nul)).replace(/^[ \t\v\f\r]+/, '')
  // "+" and "-" begin the lines of nss_compat: no accounts.
  if (/^[#+-]/.test(text)) return undefined
  const [name = '', , idField, gidField, , homeField = ''] = text.split(':')
  const id = readId(idField)
  const gid = kind === 'passwd' ? readId(gidField) : id
  return id === undefined || gid === undefined
    ? undefined
    : { name, id, gid, home: kind === 'passwd' ? homeField : '' }
}

/**
 * Every account in order, a name's second line too.
 * @param text one character a byte (latin1): libc knows no encoding
 */
export function localEntries(text: string, kind: LocalKind): readonly LocalEntry[] {
  return text.split('\n').flatMap((line) => readLine(line, kind) ?? [])
}

/**
 * The shells of /etc/shells as getusershell(3) reads them, by the rules at the head of
 * native/common/shell-lines.h; test/vectors/shells.txt holds both to the same.
 * @param text one character a byte (latin1)
 */
export function parseShells(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => /^[^/#\0]*(\/[^ \t\v\f\r#\0]+)/.exec(line)?.[1] ?? [])
}

/** The first line of a name counts, as it does for libc. */
function byName(entries: readonly LocalEntry[]): ReadonlyMap<string, number> {
  return new Map(entries.toReversed().map(({ name, id }) => [name, id]))
}

/** Reads passwd(5) and group(5), both latin1. */
export function parseLocalAccounts(
  passwdText: string,
  groupText: string,
): Pick<HostAccounts, 'users' | 'groups' | 'ids' | 'homes'> {
  const users = localEntries(passwdText, 'passwd')
  const groups = localEntries(groupText, 'group')
  return {
    users: byName(users),
    groups: byName(groups),
    homes: new Map(users.toReversed().map(({ name, home }) => [home, name])),
    ids: new Set([...users, ...groups].flatMap(({ id, gid }) => [id, gid])),
  }
}

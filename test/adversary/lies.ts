// What the adversary's resolver answers: by opcode and what is asked, as JSON in a file of its own.
import type { Group, Passwd } from '../../src/directory/types.ts'
import { op, verdict } from '../../src/wire/protocol.ts'
import type { Request } from '../../src/wire/codec.ts'

export type Lie =
  | { readonly kind: 'passwd'; readonly passwd: Passwd }
  | { readonly kind: 'group'; readonly group: Group }
  | { readonly kind: 'gids'; readonly gids: readonly number[] }
  | { readonly kind: 'passwds'; readonly entries: readonly Passwd[] }
  | { readonly kind: 'groups'; readonly entries: readonly Group[] }
  | { readonly kind: 'keys'; readonly lines: readonly string[] }
  | { readonly kind: 'verdict' }
export type Lies = Readonly<Record<string, Lie>>

/** Where the program reads them, and listens. */
export const liesPath = '/var/lib/iamlogin/lies.json'
export const socketPath = '/run/iamlogin/resolver.sock'

/** The key of a request in `Lies`. */
export function keyOf(request: Request): string {
  if ('name' in request) return `${request.op} ${request.name}`
  if ('id' in request) return `${request.op} ${request.id}`
  if ('user' in request) return `${request.op} ${request.user}`
  return `${request.op}`
}

export function aPasswd(changes: Partial<Passwd> = {}): Passwd {
  return {
    name: 'mallory',
    uid: 1_900_000_001,
    gid: 1_900_000_001,
    gecos: '',
    dir: '/home/mallory',
    shell: '/bin/bash',
    ...changes,
  }
}

const byName = (passwd: Passwd): Lies => ({
  [`${op.PASSWD_BY_NAME} ${passwd.name}`]: { kind: 'passwd', passwd },
})
const byUid = (uid: number, passwd: Passwd): Lies => ({
  [`${op.PASSWD_BY_UID} ${uid}`]: { kind: 'passwd', passwd },
})

/** A person by name and by id, whom the door lets in. */
export function aPerson(passwd: Passwd): Lies {
  return {
    ...byName(passwd),
    ...byUid(passwd.uid, passwd),
    [`${op.ACCOUNT} ${passwd.name}`]: { kind: 'verdict' },
  }
}

export const say = {
  byName,
  byUid,
  group: (group: Group): Lies => ({
    [`${op.GROUP_BY_NAME} ${group.name}`]: { kind: 'group', group },
    [`${op.GROUP_BY_GID} ${group.gid}`]: { kind: 'group', group },
  }),
  gids: (name: string, gids: readonly number[]): Lies => ({
    [`${op.INITGROUPS} ${name}`]: { kind: 'gids', gids },
  }),
  passwds: (entries: readonly Passwd[]): Lies => ({
    [`${op.PASSWD_LIST}`]: { kind: 'passwds', entries },
  }),
  groups: (entries: readonly Group[]): Lies => ({
    [`${op.GROUP_LIST}`]: { kind: 'groups', entries },
  }),
  keys: (user: string, lines: readonly string[]): Lies => ({
    [`${op.AUTHORIZED_KEYS} ${user}`]: { kind: 'keys', lines },
    [`${op.ACCOUNT} ${user}`]: { kind: 'verdict' },
  }),
} as const

export const allowed = {
  kind: 'verdict',
  verdict: verdict.ALLOW,
  rule: 'whatever',
  message: '',
} as const

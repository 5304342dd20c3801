// Source records + rules -> the directory of this host, with everyone who was refused and why.
// The order of the input never matters: records are sorted by age first, so the older one wins.
import { memberSteps, sharedPeople } from './access.ts'
import { createIdSpace, inRange, type IdSpace } from './ids.ts'
import { finish, pace, sortSteps, type Steps } from './steps.ts'
import { linuxName } from './username.ts'
import type {
  Account,
  Directory,
  DirectoryRules,
  Group,
  LocalAccounts,
  Pins,
  Refusal,
  SourceDirectory,
  SourceGroup,
  SourceUser,
} from './types.ts'

export type BuildInput = {
  readonly source: SourceDirectory
  readonly rules: DirectoryRules
  readonly local: LocalAccounts
  readonly pins: Pins
}

/** The virtual group that the packaged sudoers file trusts. */
export const sudoGroupName = 'iamlogin-sudo'
export const sudoGroupId = 'virtual:iamlogin-sudo'

function byAge(
  a: { readonly createdAt: number; readonly id: string },
  b: { readonly createdAt: number; readonly id: string },
): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function* unique<T extends SourceUser | SourceGroup>(
  records: readonly T[],
  wanted: (record: T) => boolean,
): Steps<readonly T[]> {
  const found = new Map<string, T>()
  const due = pace()
  for (const record of records) {
    if (wanted(record)) found.set(record.id, record)
    if (due()) yield
  }
  return yield* sortSteps([...found.values()], byAge)
}

/** passwd(5) has no quoting: what would break a line becomes a space. */
function gecosOf(user: SourceUser): string {
  // eslint-disable-next-line no-control-regex -- control characters are what must go
  const clean = (user.overrides?.gecos ?? user.name).replace(/[\u0000-\u001f\u007f:,]/g, ' ').trim()
  let gecos = clean
  while (Buffer.byteLength(gecos) > 255) gecos = gecos.slice(0, -1)
  return gecos
}

function isPath(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  return /^\/[^\u0000-\u001f\u007f:]*$/.test(path) && Buffer.byteLength(path) <= 1023
}

function refuse(
  record: SourceUser | SourceGroup,
  kind: Refusal['kind'],
  code: Refusal['code'],
  reason: string,
): Refusal {
  return { kind, id: record.id, name: record.name, code, reason }
}

type Named<T> = { readonly record: T; readonly name: string }

function* nameAll<T extends SourceUser | SourceGroup>(
  records: readonly T[],
  kind: Refusal['kind'],
  context: {
    readonly rules: DirectoryRules
    readonly local: LocalAccounts
    /** Names that are taken already, with their owner. */
    readonly taken: Map<string, string>
    readonly refused: Refusal[]
  },
): Steps<readonly Named<T>[]> {
  const { local, taken, refused } = context
  const named: Named<T>[] = []
  const due = pace()
  for (const record of records) {
    if (due()) yield
    const result = linuxName(record.name, context.rules)
    if (!result.ok) {
      refused.push(refuse(record, kind, result.code, result.reason))
      continue
    }
    const { name } = result
    const owner = taken.get(name.toLowerCase())
    if (local.users.has(name) || local.groups.has(name)) {
      const file = local.users.has(name) ? '/etc/passwd' : '/etc/group'
      refused.push(
        refuse(record, kind, 'name-local', `"${name}" is in ${file}, which is never shadowed`),
      )
    } else if (owner !== undefined) {
      refused.push(
        refuse(record, kind, 'name-clash', `"${name}" is already ${owner}, who is older`),
      )
    } else {
      taken.set(name.toLowerCase(), `${kind} ${record.name} (${record.id})`)
      named.push({ record, name })
    }
  }
  return named
}

function makeAccount(
  { record: user, name }: Named<SourceUser>,
  rules: DirectoryRules,
  space: IdSpace,
): Account | Refusal {
  const wanted = user.overrides?.uid
  if (wanted !== undefined && !inRange(wanted, rules.ids))
    return refuse(
      user,
      'user',
      'id-out-of-range',
      `iamlogin:uid ${wanted} is outside ids.min..ids.max (${rules.ids.min}..${rules.ids.max})`,
    )
  if (wanted !== undefined && !space.take(wanted))
    return refuse(user, 'user', 'id-clash', `iamlogin:uid ${wanted} is somebody else's`)
  const dir = user.overrides?.dir ?? rules.home.replaceAll('%u', name)
  const shell = user.overrides?.shell ?? rules.shell
  if (!isPath(dir) || !isPath(shell))
    return refuse(
      user,
      'user',
      'override-invalid',
      `home "${dir}" and shell "${shell}" must be absolute paths without ":" and control characters`,
    )
  const uid = wanted ?? space.give(user.id)
  return { user, passwd: { name, uid, gid: uid, gecos: gecosOf(user), dir, shell } }
}

/** Pins with the given ids added: the same object where nothing is new. */
function* addPins(
  pins: Readonly<Record<string, number>>,
  given: readonly (readonly [string, number])[],
): Steps<Readonly<Record<string, number>>> {
  const fresh: (readonly [string, number])[] = []
  const due = pace()
  for (const pair of given) {
    if (pins[pair[0]] !== pair[1]) fresh.push(pair)
    if (due()) yield
  }
  if (fresh.length === 0) return pins
  const all: Record<string, number> = {}
  for (const id in pins) {
    all[id] = pins[id] ?? 0
    if (due()) yield
  }
  for (const [id, value] of fresh) {
    all[id] = value
    if (due()) yield
  }
  return all
}

function* makeAccounts(
  named: readonly Named<SourceUser>[],
  rules: DirectoryRules,
  space: IdSpace,
  refused: Refusal[],
): Steps<readonly Account[]> {
  // Overrides first: the tag wins against a hash, whoever is older.
  const hasUid = ({ record }: Named<SourceUser>): boolean => record.overrides?.uid !== undefined
  const ordered = [...named.filter(hasUid), ...named.filter((each) => !hasUid(each))]
  const accounts: Account[] = []
  const due = pace()
  for (const each of ordered) {
    const made = makeAccount(each, rules, space)
    if ('passwd' in made) accounts.push(made)
    else refused.push(made)
    if (due()) yield
  }
  return yield* sortSteps(accounts, (a, b) => byAge(a.user, b.user))
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The directory in steps: the same input, in any order, gives the same directory. */
export function* buildSteps(input: BuildInput): Steps<Directory> {
  const { source, rules, local, pins } = input
  const refused: Refusal[] = []
  const due = pace()
  const context = { rules, local, taken: new Map<string, string>(), refused }
  const present = yield* memberSteps(source, rules.groups)
  const wantedGroups = new Set([...rules.groups, ...rules.sudoGroups])
  const users = yield* unique(source.users, ({ id }) => present.has(id))
  const groups = yield* unique(source.groups, ({ name }) => wantedGroups.has(name))
  const namedUsers = yield* nameAll(users, 'user', context)
  const namedGroups = yield* nameAll(groups, 'group', context)

  // One space for uids and gids: a user's private group has the user's own number.
  const living = new Map(pinOf(pins.gids, sudoGroupId))
  for (const [named, given] of [
    [namedUsers, pins.uids],
    [namedGroups, pins.gids],
  ] as const)
    for (const { record } of named) {
      const pin = given[record.id]
      if (pin !== undefined) living.set(record.id, pin)
      if (due()) yield
    }
  const localIds = new Set([...local.users.values(), ...local.groups.values()])
  const space = createIdSpace(rules.ids, living, localIds)
  const sudoGid = space.give(sudoGroupId)
  const accounts = yield* makeAccounts(namedUsers, rules, space, refused)

  const nameById = new Map<string, string>()
  for (const { user, passwd } of accounts) {
    nameById.set(user.id, passwd.name)
    if (due()) yield
  }
  const membersNamed = function* (ids: ReadonlySet<string>): Steps<readonly string[]> {
    const names: string[] = []
    for (const id of ids) {
      const name = nameById.get(id)
      if (name !== undefined) names.push(name)
      if (due()) yield
    }
    return yield* sortSteps(names, compareNames)
  }
  const linuxGroups: Group[] = []
  for (const { passwd } of accounts) {
    linuxGroups.push({ name: passwd.name, gid: passwd.gid, members: [] })
    if (due()) yield
  }
  const gids: (readonly [string, number])[] = [[sudoGroupId, sudoGid]]
  for (const { record, name } of namedGroups) {
    const gid = space.give(record.id)
    gids.push([record.id, gid])
    linuxGroups.push({ name, gid, members: yield* membersNamed(new Set(record.memberIds)) })
  }
  const sudoers = yield* membersNamed(yield* memberSteps(source, rules.sudoGroups))
  linuxGroups.push({ name: sudoGroupName, gid: sudoGid, members: sudoers })
  const uids = accounts
    .filter(({ user }) => user.overrides?.uid === undefined)
    .map(({ user, passwd }) => [user.id, passwd.uid] as const)
  return {
    accounts,
    groups: linuxGroups,
    refused,
    shared: sharedPeople(source, rules),
    pins: { uids: yield* addPins(pins.uids, uids), gids: yield* addPins(pins.gids, gids) },
  }
}

/** As buildSteps, at once. */
export function buildDirectory(input: BuildInput): Directory {
  return finish(buildSteps(input))
}

function pinOf(
  pins: Readonly<Record<string, number>>,
  id: string,
): readonly (readonly [string, number])[] {
  const pin = pins[id]
  return pin === undefined ? [] : [[id, pin]]
}

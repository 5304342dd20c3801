// Source records + rules -> the directory of this host, with everyone who was refused and why.
// The order of the input never matters: records are sorted by age first, so the older one wins.
import { membersOf, sharedPeople } from './access.ts'
import { createIdSpace, inRange, type IdSpace } from './ids.ts'
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
const sudoGroupId = 'virtual:iamlogin-sudo'

function byAge(
  a: { readonly createdAt: number; readonly id: string },
  b: { readonly createdAt: number; readonly id: string },
): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function unique<T extends { readonly id: string }>(records: readonly T[]): readonly T[] {
  return [...new Map(records.map((record) => [record.id, record])).values()]
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

function nameAll<T extends SourceUser | SourceGroup>(
  records: readonly T[],
  kind: Refusal['kind'],
  context: {
    readonly rules: DirectoryRules
    readonly local: LocalAccounts
    /** Names that are taken already, with their owner. */
    readonly taken: Map<string, string>
    readonly refused: Refusal[]
  },
): readonly Named<T>[] {
  const { local, taken, refused } = context
  const named: Named<T>[] = []
  for (const record of records) {
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

/** Builds what exists here. Pure: the same input, in any order, gives the same directory. */
export function buildDirectory(input: BuildInput): Directory {
  const { source, rules, local, pins } = input
  const refused: Refusal[] = []
  const taken = new Map<string, string>()
  const context = { rules, local, taken, refused }
  const present = membersOf(source, rules.groups)

  const users = unique(source.users)
    .filter((user) => present.has(user.id))
    .toSorted(byAge)
  const wantedGroups = new Set([...rules.groups, ...rules.sudoGroups])
  const sourceGroups = unique(source.groups)
    .filter((group) => wantedGroups.has(group.name))
    .toSorted(byAge)
  const namedUsers = nameAll(users, 'user', context)
  const namedGroups = nameAll(sourceGroups, 'group', context)

  // One space for uids and gids: a user's private group has the user's own number.
  const living = new Map([
    ...namedUsers.flatMap(({ record }) => pinOf(pins.uids, record.id)),
    ...namedGroups.flatMap(({ record }) => pinOf(pins.gids, record.id)),
    ...pinOf(pins.gids, sudoGroupId),
  ])
  const localIds = new Set([...local.users.values(), ...local.groups.values()])
  const space = createIdSpace(rules.ids, living, localIds)
  const sudoGid = space.give(sudoGroupId)

  // Overrides first: the tag wins against a hash, whoever is older.
  const accounts: Account[] = []
  const ordered = namedUsers.toSorted(
    (a, b) =>
      Number(b.record.overrides?.uid !== undefined) - Number(a.record.overrides?.uid !== undefined),
  )
  for (const named of ordered) {
    const made = makeAccount(named, rules, space)
    if ('passwd' in made) accounts.push(made)
    else refused.push(made)
  }
  accounts.sort((a, b) => byAge(a.user, b.user))

  const nameById = new Map(accounts.map(({ user, passwd }) => [user.id, passwd.name]))
  const membersNamed = (ids: Iterable<string>): readonly string[] =>
    [...ids].flatMap((id) => nameById.get(id) ?? []).toSorted()
  const iamGroups = namedGroups.map(({ record, name }) => ({
    id: record.id,
    group: { name, gid: space.give(record.id), members: membersNamed(new Set(record.memberIds)) },
  }))
  const groups: readonly Group[] = [
    ...accounts.map(({ passwd }) => ({ name: passwd.name, gid: passwd.gid, members: [] })),
    ...iamGroups.map(({ group }) => group),
    {
      name: sudoGroupName,
      gid: sudoGid,
      members: membersNamed(membersOf(source, rules.sudoGroups)),
    },
  ]
  return {
    accounts,
    groups,
    refused,
    shared: sharedPeople(source, rules),
    pins: {
      uids: {
        ...pins.uids,
        ...Object.fromEntries(
          accounts
            .filter(({ user }) => user.overrides?.uid === undefined)
            .map(({ user, passwd }) => [user.id, passwd.uid]),
        ),
      },
      gids: {
        ...pins.gids,
        ...Object.fromEntries(iamGroups.map(({ id, group }) => [id, group.gid])),
        [sudoGroupId]: sudoGid,
      },
    },
  }
}

function pinOf(
  pins: Readonly<Record<string, number>>,
  id: string,
): readonly (readonly [string, number])[] {
  const pin = pins[id]
  return pin === undefined ? [] : [[id, pin]]
}

// Source records + rules -> the directory of this host, with every refused user and group, and why.
// The order of the input never matters: records are sorted by age first, so the older one wins.
import { membersOf, sharedPeople } from './access.ts'
import { chooseHome, chooseShell, homeFolder, livesThere, localHomesIn } from './home.ts'
import { createHomes } from './homes.ts'
import { createIdSpace, inRange, type IdSpace } from './ids.ts'
import { linuxName, systemOwner } from './username.ts'
import type {
  Account,
  Directory,
  DirectoryRules,
  Group,
  HostAccounts,
  Notice,
  Pins,
  Refusal,
  SourceDirectory,
  SourceGroup,
  SourceUser,
} from './types.ts'

export type BuildInput = {
  readonly source: SourceDirectory
  readonly rules: DirectoryRules
  readonly local: HostAccounts
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

function unique<T extends SourceUser | SourceGroup>(
  records: readonly T[],
  wanted: (record: T) => boolean,
): readonly T[] {
  const found = new Map<string, T>()
  for (const record of records) {
    if (wanted(record)) found.set(record.id, record)
  }
  return [...found.values()].toSorted(byAge)
}

/**
 * passwd(5) has no quoting: what would break a line becomes a space. So does "=", for pam_umask(8) sets
 * umask, nice value and ulimit by "pri=-20" and the like.
 */
function gecosOf(user: SourceUser): string {
  const wanted = user.overrides?.gecos ?? user.name
  // eslint-disable-next-line no-control-regex -- control characters are what must go
  let gecos = wanted.replace(/[\u0000-\u001f\u007f:,=]/g, ' ').trim()
  while (Buffer.byteLength(gecos) > 255) gecos = gecos.slice(0, -1)
  return gecos
}

function refuse(
  record: SourceUser | SourceGroup,
  kind: Refusal['kind'],
  code: Refusal['code'],
  reason: string,
): Refusal {
  return { kind, id: record.id, name: record.name, code, reason }
}

type Kind = Refusal['kind']
type Candidate =
  | { readonly kind: 'user'; readonly record: SourceUser }
  | { readonly kind: 'group'; readonly record: SourceGroup }
type Named<T> = { readonly record: T; readonly name: string }

/** A group is before a person of the same age: an administrator wrote its name into the configuration. */
function compareCandidates(a: Candidate, b: Candidate): number {
  const byKind = Number(a.kind === 'user') - Number(b.kind === 'user')
  return a.record.createdAt - b.record.createdAt || byKind || byAge(a.record, b.record)
}

/** The source `file` knows no time where none is written: 0. */
function ageOf({ createdAt }: SourceUser | SourceGroup): string {
  return createdAt === 0 ? 'without a date' : `created ${new Date(createdAt).toISOString()}`
}

/** Names the owner of the name, and why it is theirs. */
function clashReason(name: string, owner: Candidate, loser: Candidate): string {
  const { kind, record } = owner
  const why =
    record.createdAt < loser.record.createdAt
      ? `which is older than this ${loser.kind} (${ageOf(loser.record)})`
      : kind === loser.kind
        ? 'which has the smaller id; both are of one age'
        : 'which goes before a user; both are of one age'
  return `"${name}" is the name of ${kind} ${record.name} (${record.id}, ${ageOf(record)}), ${why}`
}

type Naming = {
  readonly rules: DirectoryRules
  readonly local: HostAccounts
}

/** Why a Linux name is not a source's to give on this host; undefined where it may be given. */
function hostRefusal(
  name: string,
  { rules, local }: Naming,
): Pick<Refusal, 'code' | 'reason'> | undefined {
  if (local.users.has(name) || local.groups.has(name)) {
    const file = local.users.has(name) ? '/etc/passwd' : '/etc/group'
    return { code: 'name-local', reason: `"${name}" is in ${file}, which is never shadowed` }
  }
  const owner = systemOwner(name, { reservedNames: rules.reservedNames, sysusers: local.sysusers })
  return owner === undefined
    ? undefined
    : { code: 'name-reserved', reason: `"${name}" ${owner}: rename it in the source` }
}

type Names = {
  readonly users: readonly Named<SourceUser>[]
  readonly groups: readonly Named<SourceGroup>[]
  /** Name in lower case -> its owner. */
  readonly taken: ReadonlyMap<string, Candidate>
}

/** Gives names by age, over users and groups alike: a person needs both the name and its group. */
function nameAll(
  users: readonly SourceUser[],
  groups: readonly SourceGroup[],
  context: Naming & { readonly refused: Refusal[] },
): Names {
  const { refused } = context
  const taken = new Map<string, Candidate>()
  const namedUsers: Named<SourceUser>[] = []
  const namedGroups: Named<SourceGroup>[] = []
  const candidates: readonly Candidate[] = [
    ...users.map((record) => ({ kind: 'user' as const, record })),
    ...groups.map((record) => ({ kind: 'group' as const, record })),
  ]
  for (const candidate of candidates.toSorted(compareCandidates)) {
    const { kind, record } = candidate
    const result = linuxName(record.name, context.rules)
    if (!result.ok) {
      refused.push(refuse(record, kind, result.code, result.reason))
      continue
    }
    const { name } = result
    const flaw = hostRefusal(name, context)
    const owner = taken.get(name.toLowerCase())
    if (flaw !== undefined) {
      refused.push(refuse(record, kind, flaw.code, flaw.reason))
    } else if (owner !== undefined) {
      refused.push({
        ...refuse(record, kind, 'name-clash', clashReason(name, owner, candidate)),
        ownerId: owner.record.id,
      })
    } else {
      taken.set(name.toLowerCase(), candidate)
      if (kind === 'user') namedUsers.push({ record, name })
      else namedGroups.push({ record, name })
    }
  }
  return { users: namedUsers, groups: namedGroups, taken }
}

/** Refuses an account to a person while their overrides are unknown; undefined for all others. */
function unreadRefusal(source: SourceDirectory): (user: SourceUser) => Refusal | undefined {
  const { unknownIds, reason } = source.unreadOverrides ?? { unknownIds: [] }
  const unknown = new Set(unknownIds)
  const why = reason?.message ?? 'IAM did not have that name any more: the next refresh tells'
  return (user) =>
    unknown.has(user.id)
      ? refuse(
          user,
          'user',
          'tags-unread',
          `its tags, which may say its uid and home, were never read (${why})`,
        )
      : undefined
}

type Making = {
  readonly unread: ReturnType<typeof unreadRefusal>
  readonly rules: DirectoryRules
  readonly local: HostAccounts
  readonly taken: Names['taken']
  readonly space: IdSpace
  readonly homes: ReturnType<typeof createHomes>
  readonly localHomes: ReturnType<typeof localHomesIn>
  readonly refused: Refusal[]
  readonly notices: Notice[]
}

/** The modules refuse a home with such a name for any person. */
function isLocalName({ users, groups }: HostAccounts, component: string): boolean {
  return users.has(component) || groups.has(component)
}

type About = { readonly kind: 'user'; readonly id: string; readonly name: string }

/** The notice for a person who gets no home of their name because a local user lives there. */
function ownHomeNotice(
  name: string,
  value: string,
  { rules, localHomes }: Making,
  about: About,
): readonly Notice[] {
  const own = rules.home.replaceAll('%u', name)
  const user = localHomes.get(own.slice(homeFolder(own).length + 1))
  if (user === undefined || own === value) return []
  return [{ ...about, code: 'home-refused', reason: livesThere(own, user, value) }]
}

/** The uid of the tag iamlogin:uid, else the one that is given to the UserId. */
function uidOf(user: SourceUser, { rules, space }: Making): number | Refusal {
  const wanted = user.overrides?.uid
  if (wanted === undefined) return space.give(user.id)
  if (!inRange(wanted, rules.ids))
    return refuse(
      user,
      'user',
      'id-out-of-range',
      `iamlogin:uid ${wanted} is not one that may be given (ids.min..ids.max is ${rules.ids.min}..${rules.ids.max}, never systemd's 2147352576..2147418111)`,
    )
  if (!space.take(wanted, user.id))
    return refuse(
      user,
      'user',
      'id-clash',
      `iamlogin:uid ${wanted} is the id of another user or group, or of a local one`,
    )
  return wanted
}

function makeAccount(
  { record: user, name }: Named<SourceUser>,
  context: Making,
): Account | Refusal {
  const { rules, local, taken, homes, notices } = context
  const unread = context.unread(user)
  if (unread !== undefined) return unread
  const uid = uidOf(user, context)
  if (typeof uid !== 'number') return uid
  const isOthers = (component: string): boolean => {
    const owner = taken.get(component.toLowerCase())
    return (
      isLocalName(local, component) ||
      homes.isKeptForAnother(component, user.id) ||
      (owner !== undefined && owner.record !== user)
    )
  }
  const home = chooseHome(homes.wordFor(user.id, name, uid), user.overrides, {
    rules,
    isOthers,
    localAt: (component) => context.localHomes.get(component),
  })
  const shell = chooseShell(user.overrides, rules, local.shells)
  const about = { kind: 'user', id: user.id, name: user.name } as const
  if (home.refused !== undefined)
    notices.push({ ...about, code: 'home-refused', reason: home.refused })
  else if (user.overrides?.dir === undefined)
    notices.push(...ownHomeNotice(name, home.value, context, about))
  if (shell.refused !== undefined)
    notices.push({ ...about, code: 'shell-refused', reason: shell.refused })
  const gecos = gecosOf(user)
  return { user, passwd: { name, uid, gid: uid, gecos, dir: home.value, shell: shell.value } }
}

/** Pins with the given ids added: the same object where nothing is new. */
function addPins(
  pins: Readonly<Record<string, number>>,
  given: readonly (readonly [string, number])[],
): Readonly<Record<string, number>> {
  const fresh: (readonly [string, number])[] = []
  for (const pair of given) {
    if (pins[pair[0]] !== pair[1]) fresh.push(pair)
  }
  if (fresh.length === 0) return pins
  const all: Record<string, number> = {}
  for (const id in pins) {
    all[id] = pins[id] ?? 0
  }
  for (const [id, value] of fresh) {
    all[id] = value
  }
  return all
}

function makeAccounts(named: readonly Named<SourceUser>[], context: Making): readonly Account[] {
  // Overrides first: the tag wins against a hash, whichever person is older.
  const hasUid = ({ record }: Named<SourceUser>): boolean => record.overrides?.uid !== undefined
  const ordered = [...named.filter(hasUid), ...named.filter((each) => !hasUid(each))]
  const accounts: Account[] = []
  for (const each of ordered) {
    const made = makeAccount(each, context)
    if ('passwd' in made) accounts.push(made)
    else context.refused.push(made)
  }
  return accounts.toSorted((a, b) => byAge(a.user, b.user))
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * One space for uids and gids, since a user's private group has the user's own number, with the ids that
 * were given before.
 */
function idSpaceFor({ rules, local, pins }: BuildInput, names: Names, notices: Notice[]): IdSpace {
  const living = new Map(pinOf(pins.gids, sudoGroupId))
  const untagged = [sudoGroupId]
  for (const [kind, named, given] of [
    ['user', names.users, pins.uids],
    ['group', names.groups, pins.gids],
  ] as const)
    for (const { record } of named) {
      const isTagged = 'overrides' in record && record.overrides.uid !== undefined
      if (!isTagged) untagged.push(record.id)
      const pin = given[record.id]
      if (pin === undefined) continue
      living.set(record.id, pin)
      if (!inRange(pin, rules.ids)) notices.push(movedFrom(pin, kind, record))
    }
  return createIdSpace(rules.ids, living, local.ids, untagged)
}

/** Homes by the rules, beside those of local users. */
function homesFor({ rules, local, pins }: BuildInput): Pick<Making, 'homes' | 'localHomes'> {
  const localHomes = localHomesIn(homeFolder(rules.home), local.homes)
  const componentOf = (word: string): string =>
    rules.home.slice(homeFolder(rules.home).length + 1).replaceAll('%u', word)
  const homes = createHomes(pins.homes ?? {}, (word) => {
    const component = componentOf(word)
    return localHomes.has(component) || isLocalName(local, component)
  })
  return { homes, localHomes }
}

/** The names of accounts by the ids of their people, sorted. */
function namerOf(accounts: readonly Account[]): (ids: ReadonlySet<string>) => readonly string[] {
  const nameById = new Map(accounts.map(({ user, passwd }) => [user.id, passwd.name]))
  return (ids) => [...ids].flatMap((id) => nameById.get(id) ?? []).toSorted(compareNames)
}

type Gids = readonly (readonly [id: string, gid: number])[]

/** Private groups, those of the source, and the one of sudo, with the gids that are new pins. */
function makeGroups(
  { source, rules }: BuildInput,
  accounts: readonly Account[],
  {
    groups,
    space,
    sudoGid,
  }: {
    readonly groups: Names['groups']
    readonly space: IdSpace
    readonly sudoGid: number
  },
): { readonly groups: readonly Group[]; readonly gids: Gids } {
  const namesOf = namerOf(accounts)
  const given = groups.map(({ record, name }) => ({ record, name, gid: space.give(record.id) }))
  const sudoers = namesOf(membersOf(source, rules.sudoGroups))
  return {
    groups: [
      ...accounts.map(({ passwd: { name, gid } }) => ({ name, gid, members: [] })),
      ...given.map(({ record, name, gid }) => ({
        ...{ name, gid },
        members: namesOf(new Set(record.memberIds)),
      })),
      { name: sudoGroupName, gid: sudoGid, members: sudoers },
    ],
    gids: [[sudoGroupId, sudoGid], ...given.map(({ record, gid }) => [record.id, gid] as const)],
  }
}

/** Builds the directory: the same input, in any order, gives the same one. */
export function buildDirectory(input: BuildInput): Directory {
  const { source, rules, local, pins } = input
  const refused: Refusal[] = []
  const notices: Notice[] = []
  const present = membersOf(source, rules.groups)
  const wantedGroups = new Set([...rules.groups, ...rules.sudoGroups])
  const users = unique(source.users, ({ id }) => present.has(id))
  const sourceGroups = unique(source.groups, ({ name }) => wantedGroups.has(name))
  const names = nameAll(users, sourceGroups, { rules, local, refused })
  const space = idSpaceFor(input, names, notices)
  // Before any account: it has the first choice of ids.
  const sudoGid = space.give(sudoGroupId)
  const { homes, localHomes } = homesFor(input)
  const unread = unreadRefusal(source)
  const naming = { rules, local, taken: names.taken }
  const making = { ...naming, unread, space, homes, localHomes, refused, notices }
  const accounts = makeAccounts(names.users, making)
  const { groups, gids } = makeGroups(input, accounts, { groups: names.groups, space, sudoGid })
  // A tag's as well: another user whose tag gets the same number later is refused.
  const uids = accounts.map(({ user, passwd }) => [user.id, passwd.uid] as const)
  const words = homes.words()
  return {
    ...{ accounts, groups, refused, notices },
    shared: sharedPeople(source, rules),
    pins: {
      uids: addPins(pins.uids, uids),
      gids: addPins(pins.gids, gids),
      ...(Object.keys(words).length === 0 ? {} : { homes: words }),
    },
  }
}

function movedFrom(pin: number, kind: Kind, { id, name }: SourceUser | SourceGroup): Notice {
  const what = kind === 'user' ? 'uid' : 'gid'
  return {
    ...{ kind, id, name, code: 'id-moved' },
    reason: `the ${what} ${pin} of before may not be given any more: files that belong to it must be given to the new one (find / -xdev -${what} ${pin})`,
  }
}

function pinOf(
  pins: Readonly<Record<string, number>>,
  id: string,
): readonly (readonly [string, number])[] {
  const pin = pins[id]
  return pin === undefined ? [] : [[id, pin]]
}

// What directory.db gives back of a directory.json that is lost: the people, their ids, and the
// memberships that the rules ask for. Pure.
import { linuxName } from '../directory/username.ts'
import type { DirectoryRules, Pins, SourceGroup, SourceUser } from '../directory/types.ts'
import { sudoGroupId, sudoGroupName } from '../directory/build.ts'
import type { SnapshotContent } from '../snapshot/decode.ts'
import type { UserRecord } from '../snapshot/view.ts'
import type { SavedDirectory } from './state.ts'

/** What stood for `%u` in a home that is not named after the person; undefined where none did. */
function wordOf({ passwd }: UserRecord, { home }: DirectoryRules): string | undefined {
  const [before = '', after = '', ...more] = home.split('%u')
  const { dir, name } = passwd
  if (more.length > 0 || !dir.startsWith(before) || !dir.endsWith(after)) return undefined
  const word = dir.slice(before.length, dir.length - after.length)
  return word === name || word === '' || word.includes('/') ? undefined : word
}

/**
 * What differs from the rules' result was the source's choice.
 * @param age stands for a date that the record does not tell
 */
function userOf(person: UserRecord, age: number, rules: DirectoryRules): SourceUser {
  const { passwd, user } = person
  const overrides = {
    ...(passwd.gecos === user.name ? {} : { gecos: passwd.gecos }),
    ...(passwd.shell === rules.shell ? {} : { shell: passwd.shell }),
  }
  const dated = { ...user, createdAt: user.createdAt === 0 ? age : user.createdAt }
  return Object.keys(overrides).length === 0 ? dated : { ...dated, overrides }
}

type LinuxGroups = ReadonlyMap<string, SnapshotContent['groups'][number]>

/** The groups of the rules that exist here as Linux groups. */
function groupsOf(
  { people }: SnapshotContent,
  rules: DirectoryRules,
  linuxGroups: LinuxGroups,
): readonly SourceGroup[] {
  const ids = new Map(people.map(({ passwd, user }) => [passwd.name, user.id]))
  const wanted = new Set([...rules.groups, ...rules.sudoGroups].filter((name) => name !== '*'))
  return [...wanted].flatMap((name): readonly SourceGroup[] => {
    const mapped = linuxName(name, rules)
    const group = mapped.ok ? linuxGroups.get(mapped.name) : undefined
    if (group === undefined || ids.has(group.name)) return []
    const memberIds = group.members.flatMap((member) => ids.get(member) ?? [])
    return [{ id: `directory.db:${name}`, name, arn: '', createdAt: 0, memberIds }]
  })
}

/** The ids and homes that were given. */
function pinsOf(
  { people }: SnapshotContent,
  rules: DirectoryRules,
  given: { readonly groups: readonly SourceGroup[]; readonly linuxGroups: LinuxGroups },
): Pins {
  const sudo = given.linuxGroups.get(sudoGroupName)
  const gids = given.groups.flatMap(({ id, name }) => {
    const mapped = linuxName(name, rules)
    const gid = mapped.ok ? given.linuxGroups.get(mapped.name)?.gid : undefined
    return gid === undefined ? [] : [[id, gid] as const]
  })
  const homes = people.flatMap((person) => {
    const word = wordOf(person, rules)
    return word === undefined ? [] : [[person.user.id, word] as const]
  })
  return {
    uids: Object.fromEntries(people.map(({ passwd, user }) => [user.id, passwd.uid])),
    gids: Object.fromEntries([
      ...gids,
      ...(sudo === undefined ? [] : [[sudoGroupId, sudo.gid] as const]),
    ]),
    ...(homes.length === 0 ? {} : { homes: Object.fromEntries(homes) }),
  }
}

/**
 * The directory that a directory.db was made of, as far as it tells: of people without a date the ages
 * are the order of the records, of groups it has those that exist as Linux groups. People whom the rules
 * let in through another one are not let in by this.
 */
export function salvageDirectory(content: SnapshotContent, rules: DirectoryRules): SavedDirectory {
  const linuxGroups = new Map(content.groups.map((group) => [group.name, group]))
  const groups = groupsOf(content, rules, linuxGroups)
  return {
    readAt: content.readAt,
    pins: pinsOf(content, rules, { groups, linuxGroups }),
    source: {
      complete: false,
      users: content.people.map((person, age) => userOf(person, age, rules)),
      groups,
    },
  }
}

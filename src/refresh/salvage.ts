// What directory.db gives back of a directory.json that is lost: the people, their ids, and the
// memberships that the rules ask for. Pure.
import { linuxName } from '../directory/username.ts'
import type { DirectoryRules, SourceGroup, SourceUser } from '../directory/types.ts'
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

/**
 * The directory that a directory.db was made of, as far as it tells: of people without a date the ages
 * are the order of the records, of groups it has those that exist as Linux groups. People whom the rules
 * let in through another one are not let in by this.
 */
export function salvageDirectory(content: SnapshotContent, rules: DirectoryRules): SavedDirectory {
  const ids = new Map(content.people.map(({ passwd, user }) => [passwd.name, user.id]))
  const gids = new Map(content.groups.map((group) => [group.name, group]))
  const wanted = new Set([...rules.groups, ...rules.sudoGroups].filter((name) => name !== '*'))
  const groups = [...wanted].flatMap((name): readonly SourceGroup[] => {
    const mapped = linuxName(name, rules)
    const group = mapped.ok ? gids.get(mapped.name) : undefined
    if (group === undefined || ids.has(group.name)) return []
    const memberIds = group.members.flatMap((member) => ids.get(member) ?? [])
    return [{ id: `directory.db:${name}`, name, arn: '', createdAt: 0, memberIds }]
  })
  const sudo = gids.get(sudoGroupName)
  const homes = Object.fromEntries(
    content.people.flatMap((person) => {
      const word = wordOf(person, rules)
      return word === undefined ? [] : [[person.user.id, word]]
    }),
  )
  return {
    readAt: content.readAt,
    pins: {
      uids: Object.fromEntries(content.people.map(({ passwd, user }) => [user.id, passwd.uid])),
      gids: {
        ...Object.fromEntries(
          groups.flatMap(({ id, name }) => {
            const mapped = linuxName(name, rules)
            const gid = mapped.ok ? gids.get(mapped.name)?.gid : undefined
            return gid === undefined ? [] : [[id, gid]]
          }),
        ),
        ...(sudo === undefined ? {} : { [sudoGroupId]: sudo.gid }),
      },
      ...(Object.keys(homes).length === 0 ? {} : { homes }),
    },
    source: {
      complete: false,
      users: content.people.map((person, age) => userOf(person, age, rules)),
      groups,
    },
  }
}

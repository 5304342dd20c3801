// One directory in the form that each contender reads. Pure.
import { homeFolder } from '../../src/directory/home.ts'

export type User = {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly gecos: string
  readonly dir: string
  readonly shell: string
}
export type Group = {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}
export type People = { readonly users: readonly User[]; readonly groups: readonly Group[] }

/** The names of the groups that a directory of the benchmark has. */
export const groupNames = Array.from({ length: 300 }, (_, index) => `team${index}`)

/** The groups of the index-th user: the one of everybody and one to six others. */
export function groupsOf(user: number): readonly string[] {
  const others = Array.from(
    { length: 1 + (user % 6) },
    (_, turn) => 1 + ((user * 7 + turn * 53) % (groupNames.length - 1)),
  )
  return [...new Set([0, ...others])].map((group) => `team${group}`)
}

/** As source.kind = "file" reads it. */
export function toToml(count: number): string {
  const members = new Map<string, string[]>(groupNames.map((name) => [name, []]))
  for (let user = 0; user < count; user++)
    for (const group of groupsOf(user)) members.get(group)?.push(`"user${user}"`)
  const users = Array.from({ length: count }, (_, user) => `[[user]]\nname = "user${user}"\n`)
  const groups = groupNames.map(
    (name) => `[[group]]\nname = "${name}"\nmembers = [${(members.get(name) ?? []).join(', ')}]\n`,
  )
  return [...users, ...groups].join('')
}

/** Reads what getent(1) printed. */
export function fromGetent(passwd: string, group: string): People {
  const rows = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.split(':'))
  return {
    users: rows(passwd).map(([name = '', , uid, gid, gecos = '', dir = '', shell = '']) => ({
      ...{ name, uid: Number(uid), gid: Number(gid), gecos, dir, shell },
    })),
    groups: rows(group).map(([name = '', , gid, members = '']) => ({
      ...{ name, gid: Number(gid), members: members === '' ? [] : members.split(',') },
    })),
  }
}

const away = 1_000_000_000

/** The same with other names and ids: what stands in /etc/passwd is nobody of ours any more. */
export function asLocal({ users, groups }: People): People {
  const name = (each: string): string => `l${each}`
  return {
    users: users.map((user) => ({
      ...user,
      name: name(user.name),
      uid: user.uid - away,
      gid: user.gid - away,
      // The module gives no IAM user the home of a local user.
      dir: `${homeFolder(user.dir)}/${name(user.name)}`,
    })),
    groups: groups.map((group) => ({
      name: name(group.name),
      gid: group.gid - away,
      members: group.members.map(name),
    })),
  }
}

/** passwd(5) and group(5). */
export function toFiles({ users, groups }: People): {
  readonly passwd: readonly string[]
  readonly group: readonly string[]
} {
  return {
    passwd: users.map(({ name, uid, gid, gecos, dir, shell }) =>
      [name, '*', uid, gid, gecos, dir, shell].join(':'),
    ),
    group: groups.map(({ name, gid, members }) => [name, '*', gid, members.join(',')].join(':')),
  }
}

/** An index of libnss-cache: sorted lines of one length, key NUL offset NUL padding. */
export function toIndex(lines: readonly string[], column: number): string {
  let at = 0
  const entries = lines.map((line) => {
    const entry = { key: line.split(':')[column] ?? '', offset: String(at) }
    at += Buffer.byteLength(line) + 1
    return entry
  })
  const longest = (of: (entry: (typeof entries)[number]) => string): number =>
    entries.reduce((most, entry) => Math.max(most, of(entry).length), 0)
  const length = longest(({ key }) => key) + longest(({ offset }) => offset)
  return entries
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(
      ({ key, offset }) =>
        `${key}\0${offset}\0${'\0'.repeat(length - key.length - offset.length)}\n`,
    )
    .join('')
}

/** RFC 2307 entries for slapadd(8). */
export function toLdif({ users, groups }: People): string {
  const base =
    'dn: dc=bench\nobjectClass: dcObject\nobjectClass: organization\ndc: bench\no: bench\n'
  const people = users.map(
    ({ name, uid, gid, gecos, dir, shell }) =>
      `dn: uid=${name},dc=bench\nobjectClass: account\nobjectClass: posixAccount\nuid: ${name}\ncn: ${name}\n` +
      `uidNumber: ${uid}\ngidNumber: ${gid}\ngecos: ${gecos}\nhomeDirectory: ${dir}\nloginShell: ${shell}\n`,
  )
  const teams = groups.map(
    ({ name, gid, members }) =>
      `dn: cn=${name},dc=bench\nobjectClass: posixGroup\ncn: ${name}\ngidNumber: ${gid}\n` +
      members.map((member) => `memberUid: ${member}\n`).join(''),
  )
  return [base, ...people, ...teams].join('\n')
}

/** Every step-th record as the C tool reads it: name, id, how many groups or members to expect. */
export function toKeys(
  people: People,
  wanted: number,
): { readonly users: string; readonly groups: string } {
  const counts = new Map<string, number>()
  for (const { members } of people.groups)
    for (const member of members) counts.set(member, (counts.get(member) ?? 1) + 1)
  const step = Math.max(1, Math.floor(people.users.length / wanted))
  // The groups with members, but for that of everybody: its 5,000 names would be all that is measured.
  const teams = people.groups.filter(
    ({ members }) => members.length > 0 && members.length < people.users.length / 2,
  )
  return {
    users: people.users
      .filter((_, index) => index % step === 0)
      .map(({ name, uid }) => `${name} ${uid} ${counts.get(name) ?? 1}\n`)
      .join(''),
    groups: teams.map(({ name, gid, members }) => `${name} ${gid} ${members.length}\n`).join(''),
  }
}

// The rules of build.ts told step by step for one name: what `iamlogin explain` prints.
import { membersOf, sharersOf } from './access.ts'
import { linuxName } from './username.ts'
import type {
  Account,
  Directory,
  DirectoryRules,
  LocalAccounts,
  SourceDirectory,
  SourceUser,
} from './types.ts'

export type ExplainStep = {
  readonly rule: string
  readonly outcome: 'pass' | 'fail' | 'info'
  readonly found: string
}

export type Explanation = {
  /** As far as the directory decides: keys are looked at elsewhere. */
  readonly allowed: boolean
  /** The Linux account that is meant: the person's, or a shared local one. */
  readonly account: string | undefined
  /** The person that is meant; undefined for an unknown name, and for a local account. */
  readonly person: SourceUser | undefined
  /** The name is an account of /etc/passwd. */
  readonly isLocal: boolean
  readonly steps: readonly ExplainStep[]
}

type ExplainInput = {
  readonly source: SourceDirectory
  readonly directory: Directory
  readonly rules: DirectoryRules
  readonly local: LocalAccounts
}

/** The people that a name may mean: by id, by the exact name in the source, by Linux name; refused ones last. */
function personOf(
  name: string,
  { source, directory, rules }: ExplainInput,
): SourceUser | undefined {
  return (
    source.users.find((user) => user.id === name) ??
    source.users.find((user) => user.name === name) ??
    directory.accounts.find(({ passwd }) => passwd.name === name)?.user ??
    source.users.find((user) => {
      const mapped = linuxName(user.name, rules)
      return mapped.ok && mapped.name === name
    })
  )
}

function explainLocal(name: string, { directory, local }: ExplainInput): Explanation | undefined {
  if (!local.users.has(name)) return undefined
  const steps: ExplainStep[] = [
    {
      rule: 'local account',
      outcome: 'info',
      found: `"${name}" is in /etc/passwd: its own ways in are this host's, not IAM's`,
    },
  ]
  const told = { account: name, person: undefined, isLocal: true, steps }
  const people = sharersOf(directory, name)
  if (people === undefined) return { ...told, allowed: false }
  const allowed = people.length > 0
  steps.push({
    rule: 'access.shared_accounts',
    outcome: allowed ? 'pass' : 'fail',
    found: allowed
      ? `open, with a valid key of theirs, to ${people.map((each) => each.name).join(', ')}`
      : 'its groups have no members',
  })
  return { ...told, allowed }
}

/** The shared local accounts that are open to the person as well. */
function sharedBy({ id }: SourceUser, { directory, local }: ExplainInput): readonly ExplainStep[] {
  const accounts = Object.entries(directory.shared)
    .filter(
      ([account, people]) => local.users.has(account) && people.some((each) => each.id === id),
    )
    .map(([account]) => account)
  return accounts.length === 0
    ? []
    : [
        {
          rule: 'access.shared_accounts',
          outcome: 'info',
          found: `a valid key of theirs also opens ${accounts.join(', ')}`,
        },
      ]
}

/** Groups of that name, and others that have, or wanted, the same Linux name. */
function neighbours(
  name: string,
  person: SourceUser | undefined,
  { directory }: ExplainInput,
): readonly ExplainStep[] {
  const { accounts, refused, groups } = directory
  const isPrivate = accounts.some(({ passwd }) => passwd.name === name)
  const group = isPrivate ? undefined : groups.find((each) => each.name === name)
  const owner = accounts.find(({ passwd }) => passwd.name === name)
  return [
    ...(group === undefined
      ? []
      : [{ rule: 'group', found: `"${name}" is a group here, gid ${group.gid}` }]),
    ...refused
      .filter((each) => each.kind === 'group' && each.name === name)
      .map(({ reason }) => ({ rule: 'group', found: `refused: ${reason}` })),
    ...(owner === undefined || owner.user === person
      ? []
      : [
          {
            rule: 'Linux account',
            found: `${name} is IAM user ${owner.user.name} (${owner.user.id}), uid ${owner.passwd.uid}`,
          },
        ]),
  ].map((step) => ({ ...step, outcome: 'info' as const }))
}

function explainAccount(
  { user, passwd }: Account,
  { directory }: ExplainInput,
): readonly ExplainStep[] {
  return [
    { rule: 'ids', outcome: 'pass', found: `uid ${passwd.uid}, gid ${passwd.gid}` },
    ...directory.notices
      .filter((notice) => notice.kind === 'user' && notice.id === user.id)
      .map(({ code, reason }) => ({ rule: code, outcome: 'info' as const, found: reason })),
    ...directory.refused
      .filter(({ ownerId }) => ownerId === user.id)
      .map(({ kind, name, id }) => ({
        rule: 'name-clash',
        outcome: 'info' as const,
        found: `${kind} ${name} (${id}) wanted the same name and is refused`,
      })),
  ]
}

function explainPerson(
  user: SourceUser,
  input: ExplainInput,
): Omit<Explanation, 'person' | 'isLocal'> {
  const { source, directory, rules } = input
  const listed = rules.groups.join(', ')
  const steps: ExplainStep[] = [
    { rule: 'known to the source', outcome: 'pass', found: `${user.name}, ${user.id}` },
  ]
  const refused = { allowed: false, account: undefined, steps }
  if (!membersOf(source, rules.groups).has(user.id)) {
    steps.push({ rule: 'access.groups', outcome: 'fail', found: `not a member of ${listed}` })
    return refused
  }
  steps.push({ rule: 'access.groups', outcome: 'pass', found: `member of one of ${listed}` })
  const refusal = directory.refused.find((each) => each.kind === 'user' && each.id === user.id)
  const mapped = linuxName(user.name, rules)
  if (!mapped.ok) {
    steps.push({ rule: 'Linux name', outcome: 'fail', found: mapped.reason })
    return refused
  }
  steps.push({ rule: 'Linux name', outcome: 'pass', found: mapped.name })
  if (refusal !== undefined) {
    steps.push({ rule: refusal.code, outcome: 'fail', found: refusal.reason })
    return refused
  }
  const account = directory.accounts.find((each) => each.user.id === user.id)
  if (account === undefined) return refused
  steps.push(...explainAccount(account, input))
  return { allowed: true, account: account.passwd.name, steps }
}

/** Tells why a source or Linux name can or cannot be a user here. */
export function explainName(name: string, input: ExplainInput): Explanation {
  const local = explainLocal(name, input)
  if (local !== undefined && sharersOf(input.directory, name) !== undefined) return local
  const before = local?.steps ?? []
  const person = personOf(name, input)
  const around = neighbours(name, person, input)
  if (person === undefined) {
    const steps: ExplainStep[] = [
      ...before,
      {
        rule: 'known to the source',
        outcome: 'fail',
        found: `no user "${name}" in the groups that were read (${input.rules.groups.join(', ')})`,
      },
      ...around,
    ]
    return {
      allowed: false,
      account: local?.account,
      person: undefined,
      isLocal: local !== undefined,
      steps,
    }
  }
  const told = explainPerson(person, input)
  return {
    ...told,
    person,
    isLocal: local !== undefined,
    steps: [...before, ...told.steps, ...sharedBy(person, input), ...around],
  }
}

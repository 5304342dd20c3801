// The rules of build.ts told step by step for one name: what `iamlogin explain` prints.
import { membersOf } from './access.ts'
import { linuxName } from './username.ts'
import type { Directory, DirectoryRules, LocalAccounts, SourceDirectory } from './types.ts'

export type ExplainStep = {
  readonly rule: string
  readonly outcome: 'pass' | 'fail' | 'info'
  readonly found: string
}

export type Explanation = { readonly allowed: boolean; readonly steps: readonly ExplainStep[] }

/** Tells why a source or Linux name can or cannot be a user here. */
export function explainName(
  name: string,
  input: {
    readonly source: SourceDirectory
    readonly directory: Directory
    readonly rules: DirectoryRules
    readonly local: LocalAccounts
  },
): Explanation {
  const { source, directory, rules, local } = input
  const account = directory.accounts.find(
    ({ user, passwd }) => passwd.name === name || user.name === name || user.id === name,
  )
  const user =
    account?.user ??
    source.users.find((each) => {
      const mapped = linuxName(each.name, rules)
      return each.name === name || each.id === name || (mapped.ok && mapped.name === name)
    })
  const steps: ExplainStep[] = []
  const shared = directory.shared[name]
  if (local.users.has(name)) {
    steps.push({ rule: 'local account', outcome: 'info', found: `"${name}" is in /etc/passwd` })
    if (shared !== undefined) {
      const people = shared.map((each) => each.name).join(', ')
      steps.push({
        rule: 'access.shared_accounts',
        outcome: shared.length > 0 ? 'pass' : 'fail',
        found: shared.length > 0 ? `open to ${people}` : 'nobody is in its groups',
      })
      return { allowed: shared.length > 0, steps }
    }
  }
  if (user === undefined) {
    steps.push({
      rule: 'known to the source',
      outcome: 'fail',
      found: `no user "${name}" in the groups that were read (${rules.groups.join(', ')})`,
    })
    return { allowed: false, steps }
  }
  steps.push({ rule: 'known to the source', outcome: 'pass', found: `${user.name}, ${user.id}` })
  const present = membersOf(source, rules.groups).has(user.id)
  steps.push({
    rule: 'access.groups',
    outcome: present ? 'pass' : 'fail',
    found: present
      ? `member of one of ${rules.groups.join(', ')}`
      : `in none of ${rules.groups.join(', ')}`,
  })
  if (!present) return { allowed: false, steps }
  const mapped = linuxName(user.name, rules)
  steps.push({
    rule: 'Linux name',
    outcome: mapped.ok ? 'pass' : 'fail',
    found: mapped.ok ? mapped.name : mapped.reason,
  })
  const refusal = directory.refused.find((each) => each.kind === 'user' && each.id === user.id)
  if (refusal !== undefined) {
    if (mapped.ok) steps.push({ rule: refusal.code, outcome: 'fail', found: refusal.reason })
    return { allowed: false, steps }
  }
  if (account === undefined) return { allowed: false, steps }
  steps.push({
    rule: 'ids',
    outcome: 'pass',
    found: `uid ${account.passwd.uid}, gid ${account.passwd.gid}`,
  })
  return { allowed: true, steps }
}

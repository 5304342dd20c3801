// A source that suddenly forgets many people must not shut them out on one answer's word: a large
// loss needs a second read or an administrator. Compared is what the source said, before and now, of
// the groups that are asked for now; what the administrator's rules make of it is no suspicion.
import type { SourceDirectory } from './types.ts'

/** A loss that is not believed at one read. */
export type Loss = {
  /** What is missing, as a sentence without its end. */
  readonly reason: string
  /** Every membership that is gone and makes the loss suspicious: `GROUP ID`; IAM's group names have no blanks. */
  readonly missing: ReadonlySet<string>
  /** The groups (empty: everybody) that the loss is of. */
  readonly scopes: readonly LostScope[]
}

type LostScope = {
  readonly group: string
  readonly before: number
  readonly now: number
}

/** Losing fewer people than this is any team's ordinary day, whatever share of it they are. */
const ordinary = 2

type Scope = {
  /** The group's name; empty: everybody. */
  readonly group: string
  readonly before: ReadonlySet<string>
  readonly now: ReadonlySet<string>
}

/** What can be compared: each group that was read before and is asked for now, and all of them. */
function scopesOf(
  before: SourceDirectory,
  now: SourceDirectory,
  asked: readonly string[],
): readonly Scope[] {
  const groups: Scope[] = []
  for (const { name, memberIds } of before.groups) {
    if (!asked.includes(name)) continue
    const fresh = now.groups.find((group) => group.name === name)
    groups.push({
      group: name,
      before: new Set(memberIds),
      now: new Set(fresh?.memberIds),
    })
  }
  // Where everybody is named now, whoever was named before, for any reason, is still to be there.
  const everybody = now.complete
    ? {
        before: new Set(before.users.map(({ id }) => id)),
        now: new Set(now.users.map(({ id }) => id)),
      }
    : {
        before: new Set(groups.flatMap((each) => [...each.before])),
        now: new Set(groups.flatMap((each) => [...each.now])),
      }
  return [{ group: '', ...everybody }, ...groups]
}

function isSuspicious({ group, before, now }: LostScope, missing: number): boolean {
  if (group === '' && before > 0 && now === 0) return true
  return missing > ordinary && missing * 2 > before
}

function sentence({ group, before, now }: Scope, missing: number): string {
  if (group !== '')
    return `${missing} of the ${before.size} members of group ${group} are missing at one read`
  return now.size === 0
    ? `the source names nobody any more, before there were ${before.size} people`
    : `${missing} of ${before.size} people are missing at one read`
}

/**
 * Tells what of `now` needs a second read or an administrator's word; undefined when nothing does:
 * everybody gone, or at once more than half of the people, or of one group's members, and at least
 * three.
 * @param asked the groups that `now` was asked for; "*" is everybody
 */
export function lossBetween(
  before: SourceDirectory,
  now: SourceDirectory,
  asked: readonly string[],
): Loss | undefined {
  const reasons: string[] = []
  const marks = new Set<string>()
  const scopes: LostScope[] = []
  for (const scope of scopesOf(before, now, asked)) {
    const missing: string[] = []
    for (const id of scope.before) {
      if (!scope.now.has(id)) missing.push(`${scope.group} ${id}`)
    }
    const lost = { group: scope.group, before: scope.before.size, now: scope.now.size }
    if (!isSuspicious(lost, missing.length)) continue
    scopes.push(lost)
    reasons.push(sentence(scope, missing.length))
    for (const mark of missing) marks.add(mark)
  }
  const [reason] = reasons
  return reason === undefined ? undefined : { reason, missing: marks, scopes }
}

/** How many marks each group has. */
function countByGroup(marks: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const mark of marks) {
    const group = mark.slice(0, mark.indexOf(' '))
    counts.set(group, (counts.get(group) ?? 0) + 1)
  }
  return counts
}

/**
 * Whether a second read bears out the first: what it misses beyond that would be believed at one read,
 * were those whom the first one missed gone already. People may leave between the two.
 */
export function confirms(second: Loss, first: Loss): boolean {
  const known = countByGroup(first.missing)
  const fresh = countByGroup([...second.missing].filter((mark) => !first.missing.has(mark)))
  return second.scopes.every((scope) => {
    const more = fresh.get(scope.group) ?? 0
    const left = scope.before - (known.get(scope.group) ?? 0)
    return more === 0 || !isSuspicious({ ...scope, before: left }, more)
  })
}

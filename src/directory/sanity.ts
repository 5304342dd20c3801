// A source that suddenly returns nobody must not wipe the host.

/** Below this many users, losing half of them is a small team's ordinary day. */
const smallTeam = 10

/**
 * Tells why going from `previous` users to `next` needs a second read or an operator's word;
 * undefined when it does not.
 */
export function suspicion(previous: number, next: number): string | undefined {
  if (previous > 0 && next === 0)
    return `the source returned no user at all, before there were ${previous}`
  if (previous >= smallTeam && next * 2 < previous)
    return `the source returned ${next} users, fewer than half of the ${previous} before`
  return undefined
}

// Whether a name is still the same person's. The source is asked for keys by name, and a deleted or
// renamed user leaves the name to others: the user's id tells them apart, by a question of its own or by
// a read of the directory.
import type { Identity, SourceUser } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Source } from '../sources/source.ts'
import type { ReadRequest, RefreshResult } from './refresh.ts'
import type { Store } from './store.ts'

/** After a read that failed, or did not tell of the person, no question of ours starts another for this long. */
const coolOffMs = 30_000

/**
 * Makes the check: by a read that began after the call; callers that come meanwhile share it.
 * @param deps.readNow has the source read
 */
export function createIdentityCheck(deps: {
  readonly store: Store
  readonly readNow: (request: ReadRequest) => Promise<RefreshResult>
  readonly clock: Clock
}): (user: SourceUser) => Promise<Identity> {
  const { store, clock } = deps
  let failedAt = Number.NEGATIVE_INFINITY

  const isCoolingOff = (): boolean =>
    clock.monotonic() - failedAt < coolOffMs &&
    (store.current()?.readAt.monotonic ?? Number.NEGATIVE_INFINITY) <= failedAt

  /** A read a moment ago did not tell of this person: another one is not worth its requests yet. */
  const isJustKept = (id: string): boolean => {
    const now = store.current()
    return (
      now?.directory.isKept(id) === true && clock.monotonic() - now.readAt.monotonic < coolOffMs
    )
  }

  return async ({ id, name }) => {
    if (isCoolingOff() || isJustKept(id)) return 'unknown'
    const result = await deps.readNow({ personId: id })
    if (!result.ok) {
      failedAt = clock.monotonic()
      return 'unknown'
    }
    const person = result.people[id]
    if (person === undefined) return 'another'
    // Only a group that could not be read had them: the source said nothing of them now.
    if (person.isKept) return 'unknown'
    return person.name === name ? 'same' : 'renamed'
  }
}

/**
 * Asks the source itself, which costs one request. Where it says anything but 'same', the directory is
 * read: that ends what the person had here, and tells a rename from a deletion.
 */
export function createIdentify(
  source: Pick<Source, 'identify'>,
  confirm: (user: SourceUser) => Promise<Identity>,
): (user: SourceUser, signal: AbortSignal) => Promise<Identity> {
  return async (user, signal) => {
    const identity = await source.identify(user, signal)
    if (identity === 'same') return identity
    const byDirectory = await confirm(user)
    // Two answers that disagree prove nothing.
    return identity === 'another' && byDirectory === 'same' ? 'unknown' : byDirectory
  }
}

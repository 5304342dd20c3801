// Whether a name is still the same person's. The source is asked for keys by name, and who was
// deleted leaves the name to others: only a read of the directory tells them apart.
import type { SourceUser } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Refresher } from './refresh.ts'
import type { Store } from './store.ts'

/**
 * 'renamed': the person is there, by another name. 'another': the person is not there any more.
 * 'unknown': the directory could not be read.
 */
export type Identity = 'same' | 'renamed' | 'another' | 'unknown'

/** After a read that failed, no question of ours starts another for this long. */
const coolOffMs = 30_000

/** Makes the check: by a read that began after the question; those who ask meanwhile share it. */
export function createIdentityCheck(deps: {
  readonly store: Store
  readonly refresher: Pick<Refresher, 'readNow'>
  readonly clock: Clock
}): (user: SourceUser) => Promise<Identity> {
  const { store, refresher, clock } = deps
  let failedAt = Number.NEGATIVE_INFINITY

  const isCoolingOff = (): boolean =>
    clock.monotonic() - failedAt < coolOffMs &&
    (store.current()?.readAt.monotonic ?? Number.NEGATIVE_INFINITY) <= failedAt

  return async ({ id, name }) => {
    if (isCoolingOff()) return 'unknown'
    const { ok } = await refresher.readNow()
    if (!ok) {
      failedAt = clock.monotonic()
      return 'unknown'
    }
    const { users = [], keptUserIds = [] } = store.current()?.source ?? {}
    // Only a group that could not be read had them: nobody said anything of them now.
    if (keptUserIds.includes(id)) return 'unknown'
    const person = users.find((user) => user.id === id)
    if (person === undefined) return 'another'
    return person.name === name ? 'same' : 'renamed'
  }
}

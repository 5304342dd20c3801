// After a read of the source: what is in the way of people whose name was somebody else's before.
import { setImmediate as eventsHandled } from 'node:timers/promises'
import type { Audit } from '../audit/event.ts'
import { pace } from '../directory/steps.ts'
import type { Account, Directory } from '../directory/types.ts'
import type { Clock } from '../platform/clock.ts'
import type { FindLeftovers } from '../platform/leftovers.ts'
import type { Log } from '../platform/log.ts'
import type { DoorView } from './door.ts'

export type Leftovers = {
  /** Looks at everybody who is here; who came, or was renamed, since `before` is told. */
  readonly check: (before: Directory | undefined) => Promise<void>
  /** What was found last, a sentence each. */
  readonly notices: () => readonly string[]
}

function markOf({ passwd }: Account): string {
  return `${passwd.name} ${passwd.uid}`
}

/** Makes the check. */
export function createLeftovers(deps: {
  readonly view: () => DoorView | undefined
  readonly look: () => Promise<FindLeftovers>
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
}): Leftovers {
  /** By name and uid. */
  let found: ReadonlyMap<string, readonly string[]> = new Map()
  let checked: Directory | undefined

  return {
    notices: () => [...found.values()].flat(),
    check: async (before) => {
      const directory = deps.view()?.directory
      if (directory === undefined || directory === checked) return
      checked = directory
      const known = new Set((before?.accounts ?? []).map(markOf))
      const find = await deps.look()
      const due = pace()
      const now = new Map<string, readonly string[]>()
      for (const account of directory.accounts) {
        const { passwd, user } = account
        const mark = markOf(account)
        if (due()) await eventsHandled()
        // Of many people the files are not looked at again and again.
        const sentences = await find(
          passwd,
          known.has(mark) && !found.has(mark) ? 'lists' : 'files',
        )
        if (sentences.length === 0) continue
        now.set(
          mark,
          sentences.map((sentence) => `${passwd.name}: ${sentence}`),
        )
        if (known.has(mark)) continue
        const reason = sentences.join('; ')
        deps.log.warn({ user: passwd.name }, `left under the name ${passwd.name}: ${reason}`)
        deps.audit({
          action: 'leftovers-found',
          at: deps.clock.now(),
          subject: { linuxUser: passwd.name, uid: passwd.uid, person: user },
          reason,
        })
      }
      found = now
    },
  }
}

// After a change of the directory: files and lists that an earlier owner of an account's name left behind.
import type { Audit } from '../audit/event.ts'
import type { Account } from '../directory/types.ts'
import { createBreaks } from '../platform/breaks.ts'
import type { Clock } from '../platform/clock.ts'
import type { LeftoverSearch } from '../platform/leftovers.ts'
import type { Log } from '../platform/log.ts'
import type { DirectoryView } from '../snapshot/view.ts'
import type { DoorView } from './door.ts'

export type Leftovers = {
  /**
   * Looks at accounts that are new here, and again at those of which something was found or a list tells.
   * @param change.arrived names of new accounts, which are reported; undefined at a first read: all
   */
  readonly check: (change: { readonly arrived: readonly string[] | undefined }) => Promise<void>
  /** What was found last, a sentence each. */
  readonly notices: () => readonly string[]
}

type LeftoversDeps = {
  readonly view: () => DoorView | undefined
  readonly look: () => Promise<LeftoverSearch>
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
}

/** By the name of the account: what was found, a sentence each. */
type Found = ReadonlyMap<string, readonly string[]>

/** The accounts to look at: each with whether it is new here, and what is looked at. */
function* candidates(
  directory: DirectoryView,
  { listed }: LeftoverSearch,
  { arrived, found }: { readonly arrived: readonly string[] | undefined; readonly found: Found },
): Generator<{
  readonly account: Account
  readonly isNew: boolean
  readonly depth: 'lists' | 'files'
}> {
  if (arrived === undefined) {
    for (let at = 0; at < directory.userCount; at++) {
      const account = directory.account(at)
      if (account !== undefined) yield { account, isNew: true, depth: 'files' }
    }
    return
  }
  const isNew = new Set(arrived)
  for (const name of new Set([...arrived, ...found.keys(), ...listed])) {
    const account = directory.accountByName(name)
    if (account === undefined) continue
    // The files of accounts that were here before were looked at when those came.
    const depth = isNew.has(name) || found.has(name) ? 'files' : 'lists'
    yield { account, isNew: isNew.has(name), depth }
  }
}

function report(
  { passwd, user }: Account,
  sentences: readonly string[],
  { audit, clock, log }: LeftoversDeps,
): void {
  const reason = sentences.join('; ')
  log.warn({ user: passwd.name }, `left under the name ${passwd.name}: ${reason}`)
  audit({
    action: 'leftovers-found',
    at: clock.now(),
    subject: { linuxUser: passwd.name, uid: passwd.uid, person: user },
    reason,
  })
}

/** Makes the check. */
export function createLeftovers(deps: LeftoversDeps): Leftovers {
  let found: Found = new Map()
  let checked: DirectoryView | undefined
  return {
    notices: () =>
      [...found].flatMap(([name, sentences]) =>
        sentences.map((sentence) => `${name}: ${sentence}`),
      ),
    check: async ({ arrived }) => {
      const directory = deps.view()?.directory
      if (directory === undefined || directory === checked) return
      checked = directory
      const letGo = directory.retain()
      try {
        const search = await deps.look()
        const breaks = createBreaks()
        const now = new Map<string, readonly string[]>()
        for (const { account, isNew, depth } of candidates(directory, search, { arrived, found })) {
          if (breaks.isDue()) await breaks.take()
          const sentences = await search.find(account.passwd, depth)
          if (sentences.length === 0) continue
          now.set(account.passwd.name, sentences)
          if (isNew) report(account, sentences, deps)
        }
        found = now
      } finally {
        letGo()
      }
    },
  }
}

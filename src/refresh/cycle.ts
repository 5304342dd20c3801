// One cycle: the source is read, the outcome is put in place (refresh.ts), and then what it means for
// people on this host follows.
import type { Log } from '../platform/log.ts'
import type { ReadLoop } from './loop.ts'
import type { AccountsChange, ReadEnd, Refresher, ReadRequest, RefreshResult } from './refresh.ts'

export type Cycle = {
  /** Reads at once, and by the schedule from then on. */
  readonly start: () => Promise<RefreshResult>
  /** The same; before it, the local accounts of now are applied to what was served before. */
  readonly startFromServed: () => Promise<RefreshResult>
  /** The same; before it, the rules of a new configuration are applied to what was read before. */
  readonly startByNewRules: () => Promise<RefreshResult>
  /** /etc/passwd or /etc/group is another: the directory is built again. Never rejects. */
  readonly localAccountsChanged: () => Promise<void>
  /** Resolves when the sessions of all accounts that lost access so far were ended. */
  readonly accessEnded: () => Promise<void>
  /** Ends reads; resolves when nothing is under way but what accessEnded() and followed() wait for. */
  readonly stop: () => Promise<void>
  /** Resolves when the search for leftovers of reads so far is done. */
  readonly followed: () => Promise<void>
}

export type CycleDeps = {
  readonly loop: ReadLoop<ReadRequest, RefreshResult>
  readonly refresher: Pick<Refresher, 'read' | 'rebuild' | 'close'>
  /** Compares the files of the state directory with what was written, and tries again what is owed. */
  readonly settleFiles: () => Promise<void>
  /** Has keys.db written for the accounts of now. */
  readonly publishKeys: () => void
  /** Ends the sessions of accounts that lost access; undefined: the accounts are the same as before. */
  readonly endAccess: (change: AccountsChange | undefined) => Promise<void>
  /** Looks for files and lists that stand in the way of accounts that are new here. */
  readonly findLeftovers: (change: AccountsChange) => Promise<void>
  /** What the resolver before this one still does. */
  readonly before: Promise<void>
  readonly log: Log
}

type Self = {
  readonly deps: CycleDeps
  /** Sessions of accounts that lost access are being ended. */
  ending: Promise<void>
  /** Leftovers are being looked for. */
  looking: Promise<void>
}

/** The next read does not wait for what follows this one: a helper may hang, or IAM while it is asked for keys. */
function follow(self: Self, change: AccountsChange | undefined): void {
  const { settleFiles, publishKeys, endAccess, findLeftovers, log } = self.deps
  void settleFiles()
  if (change !== undefined) publishKeys()
  self.ending = self.ending
    .then(() => endAccess(change))
    .catch((error: unknown) => {
      log.error({ err: error }, 'ending the sessions of accounts that lost access failed')
    })
  if (change === undefined) return
  self.looking = self.looking
    .then(() => findLeftovers(change))
    .catch((error: unknown) => {
      log.error({ err: error }, 'looking for files of earlier owners of a name failed')
    })
}

async function read(self: Self, requests: readonly ReadRequest[]): Promise<ReadEnd> {
  const end = await self.deps.refresher.read(requests)
  if (end.result.ok) follow(self, end.change)
  return end
}

async function rebuild(self: Self, from: 'reload' | 'accounts'): Promise<void> {
  const { refresher, log } = self.deps
  try {
    const change = await refresher.rebuild(from)
    if (change !== undefined) follow(self, change)
  } catch (error) {
    log.error({ err: error }, rebuildFailed[from])
  }
}

const rebuildFailed = {
  reload: 'the new rules cannot be applied before the source is read',
  accounts: 'building the directory for changed local accounts failed',
} as const

/** Makes the cycle; nothing is read before start(). */
export function createCycle(deps: CycleDeps): Cycle {
  const { loop, refresher } = deps
  const self: Self = { deps, ending: deps.before, looking: Promise.resolve() }
  const start = (): Promise<RefreshResult> => loop.start((requests) => read(self, requests))
  return {
    start,
    startFromServed: () => {
      void rebuild(self, 'accounts')
      return start()
    },
    // Root's word counts at once, even while the source does not answer.
    startByNewRules: async () => {
      await rebuild(self, 'reload')
      return start()
    },
    localAccountsChanged: () => rebuild(self, 'accounts'),
    accessEnded: () => self.ending,
    followed: () => self.looking,
    stop: async () => {
      loop.stop()
      await refresher.close()
    },
  }
}

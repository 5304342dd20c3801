// Tells when the host's own accounts may have changed: tools such as useradd replace the files by
// rename, so that it is the folder that is watched.
import { existsSync, watch } from 'node:fs'
import { sysusersFolders } from '../directory/sysusers.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** useradd writes passwd, then group: one change for us. */
const settleMs = 100

/** Files below /etc that name local accounts, groups and shells. */
const files: ReadonlySet<string> = new Set(['passwd', 'group', 'shells'])

/** Calls `changed` for each event of a folder whose name is wanted; the result ends it. */
function watchFolder(
  where: string,
  deps: {
    readonly isWanted: (name: string | null) => boolean
    readonly changed: () => void
    readonly giveUp: (error: unknown, where: string) => void
  },
): () => void {
  const { isWanted, changed, giveUp } = deps
  try {
    const watcher = watch(where, { persistent: false }, (_event, name) => {
      if (isWanted(name)) changed()
    })
    watcher.on('error', (error) => {
      giveUp(error, where)
    })
    return () => {
      watcher.close()
    }
  } catch (error) {
    giveUp(error, where)
    return () => undefined
  }
}

/**
 * Calls back a moment after /etc/passwd, /etc/group, /etc/shells or a file of the sysusers.d folders
 * changed; the result ends it. A folder of sysusers.d that is not there is not watched.
 */
export function watchAccounts(
  changed: () => void,
  deps: {
    readonly clock: Clock
    readonly log: Log
    readonly folder?: string
    readonly sysusers?: readonly string[]
  },
): () => void {
  const { clock, log, folder = '/etc', sysusers = sysusersFolders } = deps
  let cancel: (() => void) | undefined
  const soon = (): void => {
    cancel?.()
    cancel = clock.after(settleMs, changed)
  }
  const giveUp = (error: unknown, where: string): void => {
    log.warn(
      { err: error },
      `${where} cannot be watched: a new local account is seen at the next read of the source`,
    )
  }
  const isFile = (name: string | null): boolean => name !== null && files.has(name)
  const watching = [
    watchFolder(folder, { isWanted: isFile, changed: soon, giveUp }),
    ...sysusers
      .filter((each) => existsSync(each))
      .map((each) => watchFolder(each, { isWanted: () => true, changed: soon, giveUp })),
  ]
  return () => {
    cancel?.()
    for (const end of watching) end()
  }
}

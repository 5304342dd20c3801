// Tells when the host's own accounts may have changed: tools such as useradd replace the files by
// rename, so that it is the folder that is watched.
import { watch } from 'node:fs'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** useradd writes passwd, then group: one change for us. */
const settleMs = 100

/** Calls back a moment after /etc/passwd or /etc/group changed; the result ends it. */
export function watchAccounts(
  changed: () => void,
  deps: { readonly clock: Clock; readonly log: Log; readonly folder?: string },
): () => void {
  const { clock, log, folder = '/etc' } = deps
  let cancel: (() => void) | undefined
  const giveUp = (error: unknown): void => {
    log.warn(
      { err: error },
      `${folder} cannot be watched: a new local account is seen at the next read of the source`,
    )
  }
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (name !== 'passwd' && name !== 'group') return
      cancel?.()
      cancel = clock.after(settleMs, changed)
    })
    watcher.on('error', giveUp)
    return () => {
      cancel?.()
      watcher.close()
    }
  } catch (error) {
    giveUp(error)
    return () => undefined
  }
}

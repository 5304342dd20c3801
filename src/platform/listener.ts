// The process on the other end of a unix socket, for a message about one that does not answer.
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { loadAddon } from './addon.ts'
import { descriptorOf } from './peer.ts'

export type Listener = {
  readonly pid: number
  /** By SIGSTOP or a debugger; proc(5). */
  readonly isStopped: boolean
}

function isStopped(pid: number): boolean {
  try {
    // "pid (name) state ...": the name may hold anything, parentheses too.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /^[Tt]/.test(text.slice(text.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** The process that called listen(2) for the connected `socket`; undefined where that cannot be known. */
export function listenerOf(socket: Socket): Listener | undefined {
  const fd = descriptorOf(socket)
  if (fd === undefined) return undefined
  try {
    const { pid } = loadAddon().peerCredentials(fd)
    // A process of another pid namespace is 0; unix(7).
    return pid === 0 ? undefined : { pid, isStopped: isStopped(pid) }
  } catch {
    return undefined
  }
}

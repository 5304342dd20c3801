// Finds and types the native addon; the only importer of it.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { z } from 'zod'

export type PeerCredentials = { readonly pid: number; readonly uid: number; readonly gid: number }

export type Addon = {
  /** SO_PEERCRED of a connected unix socket; unix(7). */
  readonly peerCredentials: (fd: number) => PeerCredentials
  /** Sends one AF_UNIX datagram; a path that begins with @ is abstract. Throws with `code`. */
  readonly sendDatagram: (path: string, data: Buffer) => void
  /** CLOCK_BOOTTIME in milliseconds; clock_gettime(2). /proc/uptime may be a container's own. */
  readonly bootTime: () => number
  /** An empty file in memory; memfd_create(2). A descriptor that the caller closes. */
  readonly memoryFile: () => number
}

const addonSchema = z.object({
  peerCredentials: z.custom<Addon['peerCredentials']>((value) => typeof value === 'function'),
  sendDatagram: z.custom<Addon['sendDatagram']>((value) => typeof value === 'function'),
  bootTime: z.custom<Addon['bootTime']>((value) => typeof value === 'function'),
  memoryFile: z.custom<Addon['memoryFile']>((value) => typeof value === 'function'),
})

/** Loads `build/Release/iamlogin_native.node` of this package. */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url)
  const path = join(import.meta.dirname, '../../build/Release/iamlogin_native.node')
  return addonSchema.parse(require(path))
}

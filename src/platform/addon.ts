// Finds and types the native addon; the only importer of it.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from './package.ts'

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

const functions = ['peerCredentials', 'sendDatagram', 'bootTime', 'memoryFile'] as const

function isAddon(loaded: unknown): loaded is Addon {
  if (typeof loaded !== 'object' || loaded === null) return false
  const has = new Map<string, unknown>(Object.entries(loaded))
  return functions.every((name) => typeof has.get(name) === 'function')
}

/**
 * Loads `build/Release/iamlogin_native.node` of this package.
 * @throws {Error} where it is not there, or of another version
 */
export function loadAddon(): Addon {
  const path = join(packageRoot, 'build/Release/iamlogin_native.node')
  const loaded: unknown = createRequire(import.meta.url)(path)
  if (!isAddon(loaded)) throw new Error(`${path} is of another version: run npm run build`)
  return loaded
}

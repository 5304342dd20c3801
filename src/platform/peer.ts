// The descriptor of a connected socket: what SO_PEERCRED is asked of.
import type { Socket } from 'node:net'

/** The descriptor, or undefined when the socket is closed already. */
export function descriptorOf(socket: Socket): number | undefined {
  // Node has no public way to the descriptor of a socket; `_handle.fd` has been there since 0.x.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null }
  const fd = handle?.fd
  return typeof fd === 'number' && Number.isInteger(fd) && fd >= 0 ? fd : undefined
}

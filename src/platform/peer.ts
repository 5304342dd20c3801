// The descriptor of a connected socket: what SO_PEERCRED is asked of.
import type { Socket } from 'node:net'
import { z } from 'zod'

// Node has no public way to the descriptor of a socket; `_handle.fd` has been there since 0.x.
const withHandle = z.object({ _handle: z.object({ fd: z.number().int().nonnegative() }) })

/** The descriptor, or undefined when the socket is closed already. */
export function descriptorOf(socket: Socket): number | undefined {
  const parsed = withHandle.safeParse(socket)
  return parsed.success ? parsed.data._handle.fd : undefined
}

// sd_notify(3): tells systemd how the daemon does. Silent where nobody listens.
import type { Addon } from './addon.ts'

/** Sends `state` ("READY=1", "STATUS=…") to NOTIFY_SOCKET. */
export type Notify = (state: string) => void

/** @param socket the value of NOTIFY_SOCKET, if any */
export function createNotify(socket: string | undefined, send: Addon['sendDatagram']): Notify {
  if (socket === undefined || socket === '') return () => undefined
  return (state) => {
    try {
      send(socket, Buffer.from(state))
    } catch {
      // The manager went away: the next start tells anew.
    }
  }
}

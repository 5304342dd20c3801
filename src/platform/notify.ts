// sd_notify(3): reports the state of the daemon to systemd. Does nothing without NOTIFY_SOCKET.
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

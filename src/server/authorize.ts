// Which peer may ask what. The kernel names the peer (SO_PEERCRED); nothing in a frame does.
import type { PeerCredentials } from '../platform/addon.ts'
import { op } from '../wire/protocol.ts'

/** @param ownUid the resolver's own: sshd runs the key command as the same user */
export function mayAsk(code: number, peer: PeerCredentials, ownUid: number): boolean {
  switch (code) {
    case op.AUTHORIZED_KEYS:
      return peer.uid === 0 || peer.uid === ownUid
    case op.ACCOUNT:
    case op.SESSION_OPEN:
    case op.SESSION_CLOSE:
      return peer.uid === 0
    default:
      return true
  }
}

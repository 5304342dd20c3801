// Who may have a place on resolver.sock, and for how much that was not read yet.
import { createShares } from './shares.ts'

export type Places = {
  /** Takes a place for a peer of `uid`; undefined when it may have none, else gives it back. */
  readonly enter: (uid: number) => (() => void) | undefined
  /** The same for bytes of an answer that the peer does not read. */
  readonly keepUnread: (uid: number, bytes: number) => (() => void) | undefined
}

/** All connections, root's and our own among them. */
export const placesMax = 1024
/** Of all strangers together: 128 places are left for sshd's key command and PAM, whatever comes. */
export const placesOfStrangers = 896
/** Of one stranger: four times as many as a host that is busy with one uid has lookups at once. */
export const placesOfOne = 256
/** The resolver may use 1 GiB; what the kernel holds of answers comes on top of these. */
export const unreadOfStrangers = 64 * 1024 * 1024
export const unreadOfOne = 16 * 1024 * 1024

/** Root and our own uid: PAM asks as the one, sshd runs the key command as the other. */
export function isPrivileged(uid: number, ownUid: number): boolean {
  return uid === 0 || uid === ownUid
}

/** Counts by uid. A stranger that is refused goes on with `directory.db` at once. */
export function createPlaces(ownUid: number): Places {
  const places = createShares({ all: placesOfStrangers, ofOne: placesOfOne })
  const unread = createShares({ all: unreadOfStrangers, ofOne: unreadOfOne })
  const free = (): void => undefined
  return {
    enter: (uid) => (isPrivileged(uid, ownUid) ? free : places.take(uid, 1)),
    keepUnread: (uid, bytes) => (isPrivileged(uid, ownUid) ? free : unread.take(uid, bytes)),
  }
}

// How many connections a peer may have on resolver.sock, and how many bytes of answers it has not read.
import { createShares } from './shares.ts'

export type Limits = {
  /** Counts a connection of `uid`; undefined at the limit, else the function that takes it back. */
  readonly enter: (uid: number) => (() => void) | undefined
  /** The same for bytes of an answer that the peer does not read. */
  readonly keepUnread: (uid: number, bytes: number) => (() => void) | undefined
}

/** All connections, those of root and of our own uid included. */
export const connectionsMax = 1024
/** Of all unprivileged uids together: 128 connections are left for sshd's key command and PAM. */
export const unprivilegedConnections = 896
/** Per unprivileged uid: 4x the concurrent lookups of a busy host. */
export const connectionsOfOne = 256
/** The resolver may use 1 GiB; what the kernel holds of answers comes on top of these. */
export const unprivilegedUnread = 64 * 1024 * 1024
export const unreadOfOne = 16 * 1024 * 1024

/** Root and our own uid: PAM asks as the one, sshd runs the key command as the other. */
export function isPrivileged(uid: number, ownUid: number): boolean {
  return uid === 0 || uid === ownUid
}

/** Counts by uid. A refused client goes on with `directory.db` at once. */
export function createLimits(ownUid: number): Limits {
  const connections = createShares({ all: unprivilegedConnections, ofOne: connectionsOfOne })
  const unread = createShares({ all: unprivilegedUnread, ofOne: unreadOfOne })
  const free = (): void => undefined
  return {
    enter: (uid) => (isPrivileged(uid, ownUid) ? free : connections.take(uid, 1)),
    keepUnread: (uid, bytes) => (isPrivileged(uid, ownUid) ? free : unread.take(uid, bytes)),
  }
}

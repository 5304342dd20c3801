// The queue of unprivileged peers: uids take turns, and so do the connections of one uid. Root and our own
// uid never wait in it: their requests are answered when they come.

/** A connection that has a frame to be answered. */
export type Asker = {
  readonly uid: number
  /** Answers one frame; true when another one can be answered now. */
  readonly answerOne: () => boolean
}

export type FairQueue = {
  /** A connection that waits already keeps its place. */
  readonly join: (asker: Asker) => void
  readonly leave: (asker: Asker) => void
  /** A connection came: more of them may wait, the key command's among them. */
  readonly noteArrival: () => void
}

export type FairQueueDeps = {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Calls back when every socket with new data was served once. */
  readonly nextTurn: (callback: () => void) => void
}

/** How long unprivileged peers are answered between two polls of the sockets; one answer may go over. */
const sliceMs = 1
/**
 * One connection is accepted a turn of the event loop. While they come, accepting has four times
 * the time that answering has: the key command is not behind a thousand slices.
 */
const acceptShare = 4

type Self = {
  readonly deps: FairQueueDeps
  /** Maps and sets keep the order of insertion: the first of each is next. */
  readonly byUid: Map<number, Set<Asker>>
  /** A slice is due at the next turn of the event loop. */
  isDue: boolean
  hasArrivals: boolean
  acceptUntil: number
}

function answerNext(self: Self): void {
  const { byUid } = self
  const [first] = byUid
  if (first === undefined) return
  const [uid, askers] = first
  byUid.delete(uid)
  const [asker] = askers
  if (asker === undefined) return
  askers.delete(asker)
  // To the end of both, before the answer: it may make the asker leave.
  if (askers.size > 0) byUid.set(uid, askers)
  if (asker.answerOne()) join(self, asker)
}

function slice(self: Self): void {
  const { now } = self.deps
  self.isDue = false
  const from = now()
  if (!self.hasArrivals || from >= self.acceptUntil) {
    let at: number
    do {
      answerNext(self)
      at = now()
    } while (self.byUid.size > 0 && at - from < sliceMs)
    self.acceptUntil = at + (at - from) * acceptShare
  }
  self.hasArrivals = false
  wake(self)
}

function wake(self: Self): void {
  if (self.isDue || self.byUid.size === 0) return
  self.isDue = true
  self.deps.nextTurn(() => {
    slice(self)
  })
}

function join(self: Self, asker: Asker): void {
  const askers = self.byUid.get(asker.uid)
  if (askers === undefined) self.byUid.set(asker.uid, new Set([asker]))
  else askers.add(asker)
  wake(self)
}

/** Makes an empty queue. */
export function createFairQueue(deps: FairQueueDeps): FairQueue {
  const byUid = new Map<number, Set<Asker>>()
  const self: Self = { deps, byUid, isDue: false, hasArrivals: false, acceptUntil: -Infinity }
  return {
    join: (asker) => {
      join(self, asker)
    },
    leave: (asker) => {
      const askers = byUid.get(asker.uid)
      askers?.delete(asker)
      if (askers?.size === 0) byUid.delete(asker.uid)
    },
    noteArrival: () => {
      self.hasArrivals = true
    },
  }
}

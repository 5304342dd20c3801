// The line in which strangers wait for answers: uids take turns, and so do the connections of one.
// Root and our own uid never stand in it: they are answered when they ask.

/** A connection that has a frame to be answered. */
export type Asker = {
  readonly uid: number
  /** Answers one frame; true when another one can be answered now. */
  readonly answerOne: () => boolean
}

export type Line = {
  /** Who stands there already keeps the place. */
  readonly join: (asker: Asker) => void
  readonly leave: (asker: Asker) => void
  /** A connection came: more of them may wait, the key command's among them. */
  readonly someoneCame: () => void
}

export type LineDeps = {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Calls back when every socket that has something to say was looked at once. */
  readonly nextTurn: (callback: () => void) => void
}

/** How long strangers are answered between two looks at the sockets; one answer may go over. */
const sliceMs = 1
/**
 * One connection is accepted a turn of the event loop. While they come, accepting has four times
 * the time that answering has: the key command is not behind a thousand slices.
 */
const acceptShare = 4

/** Makes a line that nobody stands in. */
export function createLine({ now, nextTurn }: LineDeps): Line {
  // Maps and sets keep the order of insertion: the first of each is next.
  const byUid = new Map<number, Set<Asker>>()
  let due = false
  let came = false
  let acceptUntil = -Infinity

  const answerNext = (): void => {
    const [first] = byUid
    if (first === undefined) return
    const [uid, askers] = first
    byUid.delete(uid)
    const [asker] = askers
    if (asker === undefined) return
    askers.delete(asker)
    // To the end of both, before the answer: it may make the asker leave.
    if (askers.size > 0) byUid.set(uid, askers)
    if (asker.answerOne()) join(asker)
  }

  const slice = (): void => {
    due = false
    const from = now()
    if (!came || from >= acceptUntil) {
      let at: number
      do {
        answerNext()
        at = now()
      } while (byUid.size > 0 && at - from < sliceMs)
      acceptUntil = at + (at - from) * acceptShare
    }
    came = false
    wake()
  }

  const wake = (): void => {
    if (due || byUid.size === 0) return
    due = true
    nextTurn(slice)
  }

  const join = (asker: Asker): void => {
    const askers = byUid.get(asker.uid)
    if (askers === undefined) byUid.set(asker.uid, new Set([asker]))
    else askers.add(asker)
    wake()
  }

  return {
    join,
    leave: (asker) => {
      const askers = byUid.get(asker.uid)
      askers?.delete(asker)
      if (askers?.size === 0) byUid.delete(asker.uid)
    },
    someoneCame: () => {
      came = true
    },
  }
}

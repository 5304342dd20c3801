// Shares of something bounded: no uid can take all of it from the others.

export type Shares = {
  /** Takes `amount` for `uid`; undefined when that is too much, else gives it back, once. */
  readonly take: (uid: number, amount: number) => (() => void) | undefined
}

/**
 * A uid never has more than `ofOne`, nor more than what is left for the others: after any few that
 * take all they get, the next one still finds something.
 */
export function createShares({ all, ofOne }: { all: number; ofOne: number }): Shares {
  const taken = new Map<number, number>()
  let left = all
  return {
    take: (uid, amount) => {
      const own = taken.get(uid) ?? 0
      if (own + amount > Math.min(ofOne, left)) return undefined
      taken.set(uid, own + amount)
      left -= amount
      return () => {
        const rest = (taken.get(uid) ?? amount) - amount
        if (rest === 0) taken.delete(uid)
        else taken.set(uid, rest)
        left += amount
      }
    },
  }
}

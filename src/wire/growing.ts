// One buffer that grows by doubling: what is written leaves no garbage behind but for the smaller ones.

export type Growing = {
  /** Takes `size` bytes; gives where they begin. What holds the bytes before may be another now. */
  readonly take: (size: number) => number
  /** Where the next byte goes. */
  readonly at: () => number
  /** What holds the bytes now: valid until the next take(). */
  readonly bytes: () => Buffer
  /** Takes room, has the bytes written into it, and gives back what was not needed. */
  readonly fill: (size: number, write: (bytes: Buffer, at: number) => number) => void
}

/** @param allocate Buffer.allocUnsafe for what lives short, allocUnsafeSlow for what is handed on */
export function createGrowing(size: number, allocate: (size: number) => Buffer): Growing {
  let bytes = allocate(size)
  let at = 0
  const take = (more: number): number => {
    if (at + more > bytes.length) {
      const larger = allocate(Math.max(bytes.length * 2, at + more))
      bytes.copy(larger, 0, 0, at)
      bytes = larger
    }
    const start = at
    at += more
    return start
  }
  return {
    take,
    at: () => at,
    bytes: () => bytes,
    fill: (most, write) => {
      const start = take(most)
      at = start + write(bytes, start)
    },
  }
}

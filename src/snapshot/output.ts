// One growing buffer: a file of a hundred thousand users leaves no garbage behind while it is written.

export type Output = {
  /** Where the next byte goes. */
  readonly at: () => number
  readonly u32: (value: number) => void
  /** A whole number that a double holds exactly. */
  readonly u64: (value: number) => void
  /** The same, which may be negative. */
  readonly i64: (value: number) => void
  /** u16 length and the UTF-8 bytes. */
  readonly str: (value: string) => void
  /** Bytes as they are. */
  readonly raw: (value: Uint8Array) => void
  /** Leaves zeros. */
  readonly skip: (size: number) => void
  /** Zeros up to a multiple of four. */
  readonly align: () => void
  /** What holds the bytes now: valid until the next write. */
  readonly bytes: () => Buffer
}

/** @param size room at the start, in bytes */
export function createOutput(size: number): Output {
  let bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  const room = (more: number): void => {
    if (at + more <= bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, at + more))
    bytes.copy(larger, 0, 0, at)
    bytes = larger
  }
  const skip = (size: number): void => {
    room(size)
    bytes.fill(0, at, at + size)
    at += size
  }
  return {
    at: () => at,
    bytes: () => bytes,
    skip,
    align: () => {
      skip(-at & 3)
    },
    u32: (value) => {
      room(4)
      at = bytes.writeUInt32LE(value, at)
    },
    u64: (value) => {
      room(8)
      at = bytes.writeBigUInt64LE(BigInt(value), at)
    },
    i64: (value) => {
      room(8)
      at = bytes.writeBigInt64LE(BigInt(value), at)
    },
    raw: (value) => {
      room(value.length)
      bytes.set(value, at)
      at += value.length
    },
    str: (value) => {
      // UTF-16 units take at most three bytes each.
      room(2 + value.length * 3)
      const length = bytes.write(value, at + 2, 'utf8')
      bytes.writeUInt16LE(length, at)
      at += 2 + length
    },
  }
}

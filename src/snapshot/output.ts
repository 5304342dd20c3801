// One growing buffer: a file of a hundred thousand users leaves no garbage behind while it is written.

import { createGrowing } from '../wire/growing.ts'

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
  const { take, at, bytes, fill } = createGrowing(size, (room) => Buffer.allocUnsafeSlow(room))
  const skip = (count: number): void => {
    const start = take(count)
    bytes().fill(0, start, start + count)
  }
  return {
    ...{ at, bytes, skip },
    align: () => {
      skip(-at() & 3)
    },
    u32: (value) => {
      const start = take(4)
      bytes().writeUInt32LE(value, start)
    },
    u64: (value) => {
      const start = take(8)
      bytes().writeBigUInt64LE(BigInt(value), start)
    },
    i64: (value) => {
      const start = take(8)
      bytes().writeBigInt64LE(BigInt(value), start)
    },
    raw: (value) => {
      const start = take(value.length)
      bytes().set(value, start)
    },
    str: (value) => {
      // UTF-16 units take at most three bytes each.
      fill(2 + value.length * 3, (to, start) => {
        const length = to.write(value, start + 2, 'utf8')
        to.writeUInt16LE(length, start)
        return 2 + length
      })
    },
  }
}

// Primitive types of the wire: little-endian integers and counted strings, every bound checked.
import { FormatError } from '../errors.ts'
import { createGrowing } from './growing.ts'

function broken(what: string): FormatError {
  return new FormatError('format_frame', `decoding a frame: ${what}`, {
    hint: 'the other side speaks another version of the protocol, or no protocol at all',
  })
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type Reader = {
  readonly u8: () => number
  readonly u16: () => number
  readonly u32: () => number
  readonly u64: () => bigint
  readonly i64: () => bigint
  readonly str: () => string
  readonly list: <T>(item: () => T) => readonly T[]
  /** How many bytes no field has taken yet. */
  readonly left: () => number
  /** @throws {FormatError} when bytes are left. */
  readonly end: () => void
}

/** Reads the fields of one payload; each method throws FormatError past the end. */
export function createReader(bytes: Buffer): Reader {
  let at = 0
  const advance = (size: number): number => {
    if (size > bytes.length - at) throw broken('it ends inside of a field')
    const start = at
    at += size
    return start
  }
  const u32 = (): number => bytes.readUInt32LE(advance(4))
  return {
    u32,
    u8: () => bytes.readUInt8(advance(1)),
    u16: () => bytes.readUInt16LE(advance(2)),
    u64: () => bytes.readBigUInt64LE(advance(8)),
    i64: () => bytes.readBigInt64LE(advance(8)),
    str: () => {
      const length = bytes.readUInt16LE(advance(2))
      const start = advance(length)
      const part = bytes.subarray(start, at)
      if (part.includes(0)) throw broken('a string holds a NUL')
      try {
        return decoder.decode(part)
      } catch {
        throw broken('a string is no UTF-8')
      }
    },
    list: (item) => {
      const count = u32()
      // Every item takes at least a byte: a count beyond that is refused before memory is spent.
      if (count > bytes.length - at) throw broken('a list counts more items than bytes')
      return Array.from({ length: count }, item)
    },
    left: () => bytes.length - at,
    end: () => {
      if (at !== bytes.length) throw broken('bytes are left after the last field')
    },
  }
}

export type Writer = {
  readonly u8: (value: number) => void
  readonly u16: (value: number) => void
  readonly u32: (value: number) => void
  readonly u64: (value: bigint) => void
  readonly i64: (value: bigint) => void
  readonly str: (value: string) => void
  readonly list: <T>(items: readonly T[], write: (item: T) => void) => void
  /** The bytes so far, with the u32 length in front filled in. */
  readonly finish: () => Buffer
}

/** Writes one frame; room for the length is kept in front. */
// eslint-disable-next-line max-lines-per-function -- a method for each primitive type
export function createWriter(): Writer {
  const { take, at, bytes } = createGrowing(512, (size) => Buffer.allocUnsafe(size))
  take(4)
  const u32 = (value: number): void => {
    const start = take(4)
    bytes().writeUInt32LE(value, start)
  }
  return {
    u32,
    u8: (value) => {
      const start = take(1)
      bytes().writeUInt8(value, start)
    },
    u16: (value) => {
      const start = take(2)
      bytes().writeUInt16LE(value, start)
    },
    u64: (value) => {
      const start = take(8)
      bytes().writeBigUInt64LE(value, start)
    },
    i64: (value) => {
      const start = take(8)
      bytes().writeBigInt64LE(value, start)
    },
    str: (value) => {
      const length = Buffer.byteLength(value)
      const start = take(2 + length)
      bytes().writeUInt16LE(length, start)
      bytes().write(value, start + 2, 'utf8')
    },
    list: (items, write) => {
      u32(items.length)
      for (const item of items) write(item)
    },
    finish: () => {
      bytes().writeUInt32LE(at() - 4, 0)
      return bytes().subarray(0, at())
    },
  }
}

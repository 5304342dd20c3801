// Bytes of a stream -> whole request bodies; bounded before anything is kept.
import { FormatError } from '../errors.ts'
import { limits } from './protocol.ts'

export type FrameSplitter = {
  /**
   * Adds bytes; returns the bodies that are complete now.
   * @throws {FormatError} when a length is out of bounds: the stream cannot be trusted any more.
   */
  readonly push: (chunk: Buffer) => readonly Buffer[]
  /** Bytes of a frame that is not complete. */
  readonly pending: () => number
}

export type SplitterLimits = {
  /** Bytes of one frame. */
  readonly max?: number
  /** Frames that one push gives; the rest comes with the next one. */
  readonly atOnce?: number
}

/** Makes a splitter that never holds more than one frame of `max` bytes beside what was pushed. */
export function createFrameSplitter({
  max = limits.REQUEST_MAX,
  atOnce = Infinity,
}: SplitterLimits = {}): FrameSplitter {
  let rest: Buffer = Buffer.alloc(0)
  return {
    pending: () => rest.length,
    push: (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const frames: Buffer[] = []
      let at = 0
      while (rest.length - at >= 4 && frames.length < atOnce) {
        const length = rest.readUInt32LE(at)
        if (length < 4 || length > max)
          throw new FormatError('format_frame', `decoding a frame: ${length} bytes long`, {
            hint: `a frame has 4 to ${max} bytes`,
          })
        if (rest.length - at - 4 < length) break
        frames.push(rest.subarray(at + 4, at + 4 + length))
        at += 4 + length
      }
      rest = rest.subarray(at)
      return frames
    },
  }
}

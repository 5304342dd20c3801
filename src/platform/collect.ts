// A stream of bytes from elsewhere, read whole within a bound.

/**
 * @param most bytes
 * @throws {RangeError} for more than `most` bytes; what the stream throws
 */
export async function collectBytes(
  stream: AsyncIterable<Uint8Array>,
  most: number,
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of stream) {
    length += part.length
    if (length > most) throw new RangeError(`an answer of more than ${most} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts, length)
}

// The checksum of directory.db, and the hash of its tables.

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function mix(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593)
}

/** murmur3_32 with our seed over `bytes[from, to)`. https://github.com/aappleby/smhasher */
export function sumOf(bytes: Buffer, from: number, to: number): number {
  const length = to - from
  const whole = from + (length & ~3)
  let hash = 0x69616d6c
  for (let at = from; at < whole; at += 4)
    hash = (Math.imul(rotate(hash ^ mix(bytes.readInt32LE(at)), 13), 5) + 0xe6546b64) | 0
  let tail = 0
  for (let at = to; at > whole; at--) tail = (tail << 8) | (bytes[at - 1] ?? 0)
  hash ^= mix(tail)
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

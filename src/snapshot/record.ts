// One record of a file that the native side reads in place: its sum, its length, a payload that begins
// with a name and an id, and padding; native/common/snapshot.h, native/common/keys-file.h.
import type { Output } from './output.ts'
import { sumOf } from './sum.ts'

export const recordHeader = 8

/** Begins a record, and gives its offset. */
export function beginRecord(out: Output, name: string, id: number): number {
  const offset = out.at()
  out.skip(recordHeader)
  out.str(name)
  out.u32(id)
  return offset
}

/** Pads and sums the record that began at `offset`. */
export function endRecord(out: Output, offset: number): void {
  const end = out.at()
  out.align()
  const bytes = out.bytes()
  bytes.writeUInt32LE(end - offset - recordHeader, offset + 4)
  bytes.writeUInt32LE(sumOf(bytes, offset + 4, end), offset)
}

// journald's native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/

/** Encodes fields; a value with a newline takes the binary form. */
export function encodeJournalEntry(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) => {
      if (!value.includes('\n')) return Buffer.from(`${name}=${value}\n`)
      const bytes = Buffer.from(value)
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(bytes.length))
      return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')])
    }),
  )
}

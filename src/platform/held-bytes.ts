// Bytes behind an open descriptor: they stay whatever becomes of the file's name, and take no memory here.
import { close, fstat, read } from 'node:fs'
import { promisify } from 'node:util'

const readAt = promisify(read)
const stat = promisify(fstat)

/** Larger parts are no faster. */
const partSize = 1_048_576

export type HeldBytes = AsyncIterable<Uint8Array> & {
  /** To be handed to a child process. */
  readonly fd: number
  /** Reads all into a buffer of its own. */
  readonly whole: () => Promise<Buffer>
  /** Closes the descriptor when the reads under way have ended. */
  readonly close: () => void
}

type Self = { readonly fd: number; readers: number; isClosing: boolean }

function closeIfUnused({ fd, readers, isClosing }: Self): void {
  if (isClosing && readers === 0)
    close(fd, () => {
      // Nothing was written by it that could be lost.
    })
}

/** The descriptor stays open while `run` reads. */
async function reading<T>(self: Self, run: () => Promise<T>): Promise<T> {
  if (self.isClosing) throw new Error('the bytes are closed')
  self.readers++
  try {
    return await run()
  } finally {
    self.readers--
    closeIfUnused(self)
  }
}

/** Fills `part` with what is there from `position` on; gives how much that was. */
async function fill({ fd }: Self, part: Uint8Array, position: number): Promise<number> {
  let filled = 0
  while (filled < part.length) {
    const { bytesRead } = await readAt(fd, part, filled, part.length - filled, position + filled)
    if (bytesRead === 0) return filled
    filled += bytesRead
  }
  return filled
}

/** Takes over `fd`: the caller must not close it, since the number may be another file's by then. */
export function holdBytes(fd: number): HeldBytes {
  const self: Self = { fd, readers: 0, isClosing: false }
  return {
    fd,
    whole: () =>
      reading(self, async () => {
        const { size } = await stat(fd)
        const bytes = Buffer.allocUnsafeSlow(size)
        return bytes.subarray(0, await fill(self, bytes, 0))
      }),
    close: () => {
      if (self.isClosing) return
      self.isClosing = true
      closeIfUnused(self)
    },
    async *[Symbol.asyncIterator]() {
      const part = Buffer.allocUnsafeSlow(partSize)
      for (let position = 0; ;) {
        const filled = await reading(self, () => fill(self, part, position))
        if (filled === 0) return
        yield part.subarray(0, filled)
        position += filled
      }
    },
  }
}

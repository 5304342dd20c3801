// Asks resolver.sock whether anybody answers, as any other process would.
import { connect } from 'node:net'
import { ResolverError } from '../errors.ts'
import { encodeRequest } from '../wire/codec.ts'
import { op, status } from '../wire/protocol.ts'

const headerBytes = 8
const statusAt = 6
/** The backlog is full for a moment: connect(2) of a unix socket has no other way to wait. */
const retryMs = 20

function exchange(path: string, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, signal })
    let answer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < headerBytes) return
      socket.destroy()
      resolve(answer)
    })
    socket.on('error', reject)
    socket.once('close', () => {
      reject(new Error('the connection was closed without an answer'))
    })
    socket.write(encodeRequest({ op: op.PING }))
  })
}

/**
 * Resolves when a resolver answers on `path`.
 * @throws {ResolverError} when none does within `timeoutMs`, and why.
 */
export async function ping(path: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs)
  for (;;)
    try {
      const answer = await exchange(path, signal)
      if (answer[statusAt] === status.SUCCESS) return
      throw new Error(`status ${String(answer[statusAt])}`)
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN'
      if (!isFull || signal.aborted)
        throw new ResolverError(
          'resolver_unreachable',
          `asking ${path}: ${error instanceof Error ? error.message : String(error)}`,
          {
            hint: 'systemd restarts it when this goes on: systemctl status iamlogind',
            cause: error,
          },
        )
      await new Promise((again) => setTimeout(again, retryMs))
    }
}

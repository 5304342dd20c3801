// Asks the root helper iamlogin-terminate to end somebody's sessions: this process may not.
import { createConnection } from 'node:net'

const timeoutMs = 20_000

/**
 * Ends every session and process of `uid`; gives how many processes were told.
 * @throws when there is no helper, or it refuses
 */
export function terminateBy(socketPath: string, uid: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = createConnection(socketPath)
    socket.setTimeout(timeoutMs, () => {
      socket.destroy(new Error(`asking ${socketPath}: no answer in ${timeoutMs / 1_000} s`))
    })
    socket.on('connect', () => socket.end(`${uid}\n`))
    socket.on('data', (part: Buffer) => (said += part.toString('latin1')))
    socket.on('error', reject)
    socket.on('close', () => {
      const done = /^ended (\d+)\n$/.exec(said)
      if (done === null) reject(new Error(`asking ${socketPath} about ${uid}: "${said.trim()}"`))
      else resolve(Number(done[1]))
    })
  })
}

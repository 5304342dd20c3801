// Asks the root helper iamlogin-terminate for what this process may not do: to end somebody's
// sessions, and to empty other programs' caches of names.
import { createConnection } from 'node:net'

const timeoutMs = 20_000

function ask(socketPath: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = createConnection(socketPath)
    socket.setTimeout(timeoutMs, () => {
      socket.destroy(new Error(`asking ${socketPath}: no answer in ${timeoutMs / 1_000} s`))
    })
    socket.on('connect', () => socket.end(`${request}\n`))
    socket.on('data', (part: Buffer) => (said += part.toString('latin1')))
    socket.on('error', reject)
    socket.on('close', () => {
      resolve(said)
    })
  })
}

/**
 * Ends every session and process of `uid`; gives how many processes were signalled.
 * @throws when there is no helper, or it refuses
 */
export async function terminateBy(socketPath: string, uid: number): Promise<number> {
  const said = await ask(socketPath, String(uid))
  const done = /^ended (\d+)\n$/.exec(said)
  if (done === null) throw new Error(`asking ${socketPath} about ${uid}: "${said.trim()}"`)
  return Number(done[1])
}

/**
 * Empties the caches of names that other programs on this host keep; gives their names.
 * @throws when there is no helper, or a cache that is there cannot be emptied
 */
export async function emptyCachesBy(socketPath: string): Promise<readonly string[]> {
  const said = await ask(socketPath, 'caches')
  const done = /^emptied((?: [a-z]+)*)\n$/.exec(said)
  if (done === null) throw new Error(`asking ${socketPath} to empty caches: "${said.trim()}"`)
  return (done[1] ?? '').split(' ').filter((name) => name !== '')
}

// A Kafka cluster of one broker: librdkafka's own mock in a kcat producer that sends nothing. Each mock
// has a port of its own; a forwarder gives clients an address that stays the same when it is replaced.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import * as z from 'zod'
import { freePort } from './machine.ts'

export type Kafka = {
  /** host:port of the bootstrap server. */
  readonly address: string
  readonly start: () => Promise<void>
  /** Ends the broker, with all that it holds. */
  readonly stop: () => Promise<void>
  /** Every message since the start, as it was sent. */
  readonly messages: () => Promise<readonly string[]>
}

const envelope = z.object({ payload: z.string() })

/** Starts one, with the topic. */
export async function startKafka(topic: string): Promise<Kafka> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  let broker: ChildProcess | undefined
  let forwarder: Server | undefined
  let mockPort = 0

  const start = async () => {
    const mock = ['-X', 'test.mock.num.brokers=1', '-d', 'mock']
    const child = spawn('kcat', ['-P', '-b', 'unused', '-t', topic, ...mock], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    broker = child
    mockPort = await new Promise<number>((found, failed) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const [, text] = /Mock cluster .* bootstrap\.servers=127\.0\.0\.1:(\d+)/.exec(line) ?? []
        if (text !== undefined) found(Number(text))
      })
      child.once('exit', () => {
        failed(new Error('the mock broker ended'))
      })
    })
    forwarder = createServer((near) => {
      const far = connect(mockPort, '127.0.0.1')
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one)
        one.pipe(other)
        one.once('error', () => other.destroy())
        one.once('close', () => {
          sockets.delete(one)
          other.destroy()
        })
      }
    }).listen(port, '127.0.0.1')
    await once(forwarder, 'listening')
  }
  const stop = async () => {
    forwarder?.close()
    for (const socket of sockets) socket.destroy()
    if (broker?.exitCode !== null || broker.signalCode !== null) return
    const ended = once(broker, 'exit')
    broker.kill('SIGKILL')
    await ended
  }
  await start()
  return {
    address: `127.0.0.1:${port}`,
    start,
    stop,
    messages: async () => {
      const { stdout } = await promisify(execFile)(
        'kcat',
        ['-C', '-b', `127.0.0.1:${mockPort}`, '-t', topic, '-e', '-q', '-J'],
        { encoding: 'utf8', maxBuffer: 64 << 20 },
      )
      const lines = stdout.split('\n').filter((line) => line !== '')
      return lines.map((line) => envelope.parse(JSON.parse(line)).payload)
    },
  }
}

// A real search server: OpenSearch as a library in a JVM of its own, on a loopback port that stays the
// same when it is stopped and started again.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './machine.ts'

const source = resolve(import.meta.dirname, 'opensearch')
const libraries = resolve(import.meta.dirname, '../../build/opensearch')

export type OpenSearch = {
  /** host:port */
  readonly address: string
  /** A request with a JSON body; the answer's text. @throws when it is no success */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<string>
  readonly start: () => Promise<void>
  /** Ends the server; what it holds stays. */
  readonly stop: () => Promise<void>
  /** Ends it for good. */
  readonly remove: () => Promise<void>
}

/** The jars: fetched once, kept in build/. */
function install(): string {
  if (existsSync(libraries)) return libraries
  const fresh = `${libraries}.new`
  rmSync(fresh, { recursive: true, force: true })
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${fresh}`]
  execFileSync('mvn', ['--quiet', '--batch-mode', '--file', join(source, 'pom.xml'), ...goal], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 240_000,
  })
  renameSync(fresh, libraries)
  return libraries
}

/** Starts an empty one. */
export async function startOpenSearch(): Promise<OpenSearch> {
  const classes = join(install(), '*')
  const home = mkdtempSync(join(tmpdir(), 'iamlogin-opensearch-'))
  mkdirSync(join(home, 'config'))
  const port = await freePort()
  let java: ChildProcess | undefined

  const start = async () => {
    const options = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', classes]
    const child = spawn('java', [...options, join(source, 'OneNode.java'), home, String(port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    java = child
    let said = ''
    child.stderr.on('data', (part: Buffer) => (said = (said + part.toString()).slice(-10_000)))
    await new Promise<void>((ready, failed) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line === 'started') ready()
      })
      child.once('exit', () => {
        failed(new Error(`OpenSearch ended: ${said}`))
      })
    })
  }
  const stop = async () => {
    if (java?.exitCode !== null || java.signalCode !== null) return
    const ended = once(java, 'exit')
    java.kill()
    await ended
  }
  await start()
  return {
    address: `127.0.0.1:${port}`,
    ask: async (method, path, body) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
      return text
    },
    start,
    stop,
    remove: async () => {
      await stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

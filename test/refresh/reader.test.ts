// The child process that reads the source: whatever becomes of it, the resolver gets an answer or an error,
// and no process is left.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { ReadJob } from '../../src/refresh/job.ts'
import type { Program } from '../../src/platform/child.ts'
import { createReader, type ReaderInput } from '../../src/refresh/reader.ts'
import { openView } from '../../src/snapshot/view.ts'
import { children, memoryFileIn } from '../support/processes.ts'

let folder: string
let server: Server | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(async () => {
  server?.closeAllConnections()
  if (server !== undefined) await new Promise((resolve) => server?.close(resolve))
  server = undefined
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const memoryFile = () => memoryFileIn(folder)
const aReader = (program: Program = {}) => createReader({ stateDir: folder, memoryFile, program })

/** A job that reads `source`, lines of [source]. */
function aJob(source: string): ReadJob {
  const path = join(folder, 'iamlogin.toml')
  writeFileSync(path, `[source]\n${source}\n[access]\ngroups = ["developers"]\n`)
  return {
    ...{ config: loadConfig(path).config, from: 'source', startedAt: 7, isServing: false },
    ...{ isConfirmed: false, mustSave: false, groupsReadAt: {}, peopleIds: [] },
  }
}

const inputOf = (job: ReadJob): ReaderInput => ({
  job,
  state: () => undefined,
  snapshot: () => undefined,
})

function aFile(names: readonly string[]): ReaderInput {
  const path = join(folder, 'directory.toml')
  const members = names.map((name) => `"${name}"`).join(', ')
  const users = names.map((name) => `[[user]]\nname = "${name}"\n`).join('')
  const text = `${users}[[group]]\nname = "developers"\nmembers = [${members}]\n`
  writeFileSync(path, text, { mode: 0o644 })
  return inputOf(aJob(`kind = "file"\npath = "${path}"`))
}

/** An IAM that takes requests and never answers; resolves `asked` at the first. */
async function aSilentSource() {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  server = createServer(() => undefined)
  const asked = once(server, 'request')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { asked, input: inputOf(aJob(`endpoint = "http://127.0.0.1:${port}"`)) }
}

const patience = (): AbortSignal => new AbortController().signal

describe('createReader', () => {
  it('brings the directory and the state of a read, and leaves no process', async () => {
    const { answer, directory, state } = await aReader()(aFile(['alice', 'bob']), patience())
    expect(answer.outcome).toMatchObject({ kind: 'changed', readAt: 7 })
    expect(openView(directory ?? Buffer.alloc(0)).accountByName('bob')?.user.name).toBe('bob')
    expect(JSON.parse(String(await state?.whole()))).toMatchObject({ readAt: 7 })
    state?.close()
    expect(children()).toEqual([])
  })

  it('goes on from what the read before left, which may be given to several processes', async () => {
    const read = aReader()
    const first = await read(aFile(['alice', 'bob']), patience())
    const input = aFile(['bob', 'carol'])
    const next = {
      job: { ...input.job, isServing: true },
      state: () => first.state,
      snapshot: () => first.snapshot,
    }
    for (let times = 0; times < 2; times++) {
      const { answer, state, snapshot } = await read(next, patience())
      expect(answer.outcome).toMatchObject({
        kind: 'changed',
        change: { added: ['carol'], removed: ['alice'], renamed: [] },
      })
      state?.close()
      snapshot?.close()
    }
    first.state?.close()
    first.snapshot?.close()
  })

  it('fails when the process is killed, and the next read succeeds', async () => {
    const { asked, input } = await aSilentSource()
    const read = aReader()
    const killed = read(input, patience())
    await asked
    for (const pid of children()) process.kill(pid, 'SIGKILL')
    await expect(killed).rejects.toMatchObject({
      code: 'source_timeout',
      message: 'reading the source: its process ended with SIGKILL and no answer',
    })
    expect(children()).toEqual([])
    expect((await read(aFile(['alice']), patience())).answer.outcome.kind).toBe('changed')
  })

  it('ends a process that hangs as soon as nobody waits', async () => {
    const { asked, input } = await aSilentSource()
    const waiting = new AbortController()
    const hung = aReader()(input, waiting.signal)
    await asked
    for (const pid of children()) process.kill(pid, 'SIGSTOP')
    waiting.abort()
    await expect(hung).rejects.toMatchObject({ code: 'source_timeout' })
    expect(children()).toEqual([])
  })

  it('fails when the process has too little memory', async () => {
    const names = Array.from({ length: 20_000 }, (_, at) => `user${at}`)
    const read = aReader({ execArgv: ['--max-old-space-size=24', '--max-semi-space-size=1'] })
    await expect(read(aFile(names), patience())).rejects.toMatchObject({
      message: expect.stringMatching(/its process ended with SIG\w+ and no answer/) as string,
    })
    expect(children()).toEqual([])
  })

  it('fails when the process cannot be started', async () => {
    const read = aReader({ execPath: join(folder, 'no-such-program') })
    await expect(read(aFile(['alice']), patience())).rejects.toMatchObject({
      message: 'reading the source: its process cannot be started',
    })
    expect(children()).toEqual([])
  })

  it('never has two processes: who comes meanwhile waits', async () => {
    const { asked, input } = await aSilentSource()
    const read = aReader()
    const waiting = new AbortController()
    const first = read(input, waiting.signal)
    const second = read(aFile(['alice']), patience())
    await asked
    expect(children()).toHaveLength(1)
    waiting.abort()
    await expect(first).rejects.toThrow()
    expect((await second).answer.outcome.kind).toBe('changed')
    expect(children()).toEqual([])
  })
})

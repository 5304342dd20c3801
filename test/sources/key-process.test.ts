// The process that asks for keys: there while it is needed, and whatever becomes of it, an error and no process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { Program } from '../../src/platform/child.ts'
import { createKeySource, type KeySource } from '../../src/sources/key-process.ts'
import { aClock, aUser } from '../support/builders.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { children } from '../support/processes.ts'

const body =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice'

let folder: string
let server: IamServer
let source: KeySource | undefined
const clock = aClock()

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  server = await startIamServer()
})
afterEach(async () => {
  await source?.close()
  await vi.waitFor(() => {
    expect(children()).toEqual([])
  })
  await server.stop()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

function start(program: Program = {}): KeySource {
  const path = join(folder, 'iamlogin.toml')
  writeFileSync(path, `[source]\nendpoint = "${server.url}"\n[access]\ngroups = ["developers"]\n`)
  source = createKeySource({ config: loadConfig(path).config, clock, program })
  return source
}

const patience = (): AbortSignal => new AbortController().signal
const aPerson = (name: string) => {
  const id = server.addUser(name, ['developers'])
  return aUser({ name, id })
}

describe('createKeySource', () => {
  it('brings the keys of a person, and reads no body twice', async () => {
    const alice = aPerson('alice')
    server.uploadKey('alice', body)
    const keys = start()
    expect(children()).toEqual([])
    expect((await keys.fetchCredentials(alice, patience())).keys).toMatchObject([{ body }])
    await keys.fetchCredentials(alice, patience())
    expect(keys.calls()).toMatchObject({ ListSSHPublicKeys: 2, GetSSHPublicKey: 1 })
    expect(await keys.identify(alice, patience())).toBe('same')
    expect(children()).toHaveLength(1)
  })

  it('ends the process after some seconds of quiet, and knows the bodies in the next one', async () => {
    const alice = aPerson('alice')
    server.uploadKey('alice', body)
    const keys = start()
    await keys.fetchCredentials(alice, patience())
    await clock.advance(10_000)
    await vi.waitFor(() => {
      expect(children()).toEqual([])
    })
    await keys.fetchCredentials(alice, patience())
    expect(keys.calls()).toMatchObject({ ListSSHPublicKeys: 2, GetSSHPublicKey: 1 })
  })

  it('says what the source says of a name that is no user’s', async () => {
    await expect(
      start().fetchCredentials(aUser({ name: 'nobody.here' }), patience()),
    ).rejects.toMatchObject({ code: 'source_unknown_user' })
  })

  it('fails what was asked when the process is killed, and the next question succeeds', async () => {
    const alice = aPerson('alice')
    const keys = start()
    await keys.identify(alice, patience())
    for (const pid of children()) process.kill(pid, 'SIGSTOP')
    const asked = keys.fetchCredentials(alice, patience())
    for (const pid of children()) process.kill(pid, 'SIGKILL')
    await expect(asked).rejects.toMatchObject({ code: 'source_timeout' })
    expect((await keys.fetchCredentials(alice, patience())).keys).toEqual([])
  })

  it('ends a process that hangs when nobody waits for its answer any more', async () => {
    const alice = aPerson('alice')
    const keys = start()
    await keys.identify(alice, patience())
    for (const pid of children()) process.kill(pid, 'SIGSTOP')
    const waiting = new AbortController()
    const asked = keys.fetchCredentials(alice, waiting.signal)
    waiting.abort()
    await expect(asked).rejects.toMatchObject({ code: 'source_timeout' })
    await vi.waitFor(() => {
      expect(children()).toEqual([])
    })
    expect((await keys.fetchCredentials(alice, patience())).keys).toEqual([])
  })

  it('fails when the process cannot be started', async () => {
    const keys = start({ execPath: join(folder, 'no-such-program') })
    await expect(keys.fetchCredentials(aPerson('alice'), patience())).rejects.toMatchObject({
      message: 'asking for keys: its process cannot be started or reached',
    })
  })
})

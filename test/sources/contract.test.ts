// What every source keeps: run against the file source, our IAM server, and moto where pip has it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileSource } from '../../src/sources/file.ts'
import { createIamSource } from '../../src/sources/iam.ts'
import type { Source } from '../../src/sources/source.ts'
import { startIamServer } from '../support/iam-server.ts'
import { startMoto } from '../support/moto.ts'

const body = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC6 alice'
type Subject = {
  readonly source: Source
  readonly body: string
  readonly stop: () => Promise<void>
}

function fileSubject(): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-'))
  const path = join(folder, 'directory.toml')
  writeFileSync(
    path,
    `[[user]]\nname = "alice"\nkeys = ["${body}"]\n[[user]]\nname = "bob"\n[[user]]\nname = "carol"\n
     [[group]]\nname = "developers"\nmembers = ["alice", "bob"]\n[[group]]\nname = "ops"\nmembers = ["alice"]\n`,
    { mode: 0o644 },
  )
  const stop = (): Promise<void> => {
    rmSync(folder, { recursive: true })
    return Promise.resolve()
  }
  return Promise.resolve({ source: createFileSource({ path }), body, stop })
}

function iamSource(endpoint: string): Source {
  return createIamSource({
    endpoint,
    keyTags: true,
    userTags: false,
    mfa: false,
    bodies: new Map(),
  })
}

async function serverSubject(): Promise<Subject> {
  const server = await startIamServer()
  server.addUser('alice', ['developers', 'ops'])
  server.addUser('bob', ['developers'])
  server.addUser('carol')
  server.uploadKey('alice', body)
  return { source: iamSource(server.url), body, stop: () => server.stop() }
}

async function motoSubject(): Promise<Subject | undefined> {
  const moto = await startMoto()
  if (moto === undefined) return undefined
  return { source: iamSource(moto.url), body: moto.aliceKey, stop: moto.stop }
}

const credentials = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret' }

describe.each([
  ['file', fileSubject],
  ['iam over the test server', serverSubject],
  ['iam over moto', motoSubject],
])('source %s', (name, start) => {
  let subject: Subject | undefined
  const signal = new AbortController().signal

  beforeAll(async () => {
    Object.assign(process.env, credentials)
    subject = await start()
    if (subject === undefined) console.warn(`SKIPPED: ${name}: moto[server] is not installed here`)
  }, 240_000)
  afterAll(async () => {
    await subject?.source.close()
    await subject?.stop()
  })

  it('reads the members of the groups asked for, each person once', async ({ skip }) => {
    if (subject === undefined) return skip()
    const directory = await subject.source.fetchDirectory({ groups: ['developers', 'ops'] }, signal)
    expect(directory.users.map((user) => user.name).toSorted()).toEqual(['alice', 'bob'])
    expect(directory.complete).toBe(false)
    const alice = directory.users.find((user) => user.name === 'alice')
    const ops = directory.groups.find((group) => group.name === 'ops')
    expect(ops?.memberIds).toEqual([alice?.id])
  })

  it('reads everyone for "*"', async ({ skip }) => {
    if (subject === undefined) return skip()
    const directory = await subject.source.fetchDirectory({ groups: ['*'] }, signal)
    expect(directory.users.map((user) => user.name).toSorted()).toEqual(['alice', 'bob', 'carol'])
    expect(directory.complete).toBe(true)
  })

  it('names an unknown group', async ({ skip }) => {
    if (subject === undefined) return skip()
    await expect(
      subject.source.fetchDirectory({ groups: ['nobody'] }, signal),
    ).rejects.toMatchObject({
      code: 'source_unknown_group',
      message: expect.stringContaining('nobody') as string,
    })
  })

  it('tells an unknown group beside the ones that it reads', async ({ skip }) => {
    if (subject === undefined) return skip()
    const { users, groups, unread } = await subject.source.fetchDirectory(
      { groups: ['developers', 'nobody'] },
      signal,
    )
    expect(users.map((user) => user.name).toSorted()).toEqual(['alice', 'bob'])
    expect(groups.map((group) => group.name)).toEqual(['developers'])
    expect(unread).toMatchObject([{ name: 'nobody', code: 'source_unknown_group', isAbsent: true }])
  })

  it('gives the keys of a person who has one and none for a person who has none', async ({
    skip,
  }) => {
    if (subject === undefined) return skip()
    const { users } = await subject.source.fetchDirectory({ groups: ['developers'] }, signal)
    for (const user of users) {
      const { keys } = await subject.source.fetchCredentials(user, signal)
      const blobs = keys.map((key) => key.body.split(' ')[1])
      expect(blobs).toEqual(user.name === 'alice' ? [subject.body.split(' ')[1]] : [])
    }
  })

  it('stops when it is told to', async ({ skip }) => {
    if (subject === undefined) return skip()
    await expect(
      subject.source.fetchDirectory({ groups: ['developers'] }, AbortSignal.abort()),
    ).rejects.toThrow()
  })
})

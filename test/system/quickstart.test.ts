// The README's quick start, word for word, on a booted Debian that has nothing of ours.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { visitsOf } from '../support/visits.ts'

/** The first block of shell commands under the heading. */
function quickStart(): string {
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8')
  const block = /## Quick start on a host\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  expect(block).toContain('npm run build\n')
  // The checkout is built already, and here it is read-only.
  return block.replace('npm run build\n', '')
}

describe("the README's quick start", () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-quickstart-'))
  const key = makeKey(folder, 'alice', 'rsa')
  let iam: IamServer
  let container: Container

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('alice', ['developers', 'ops'])
    iam.uploadKey('alice', key.publicKey)
    container = await startContainer(
      ({ write }) => {
        write('/root/quickstart.sh', quickStart())
        // What is IAM's place on a true host: the endpoint, beside the README's own configuration.
        write('/root/endpoint.toml', `[source]\nendpoint = "${iam.url}"\n`)
      },
      { bare: true },
    )
    await container.must(
      'mkdir -p /etc/iamlogin/conf.d && cp /root/endpoint.toml /etc/iamlogin/conf.d/',
    )
  })
  afterAll(async () => {
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('ends without an error', async () => {
    const { code, stderr } = await container.run('cd /src && sh -eu /root/quickstart.sh')
    expect({ code, stderr }).toMatchObject({ code: 0 })
  })

  it('lets alice in, by her key from IAM, and lets her be root', async () => {
    expect(await container.must('getent passwd alice')).toMatch(/^alice:\*:\d+:\d+:alice:/)
    expect(await visitsOf(container).run('alice', key.path, 'pwd; sudo -n id -un')).toEqual({
      code: 0,
      output: '/home/alice\nroot',
    })
  })

  it('tells who came in', async () => {
    expect(await container.must('iamlogin audit --user alice')).toContain('session-open')
  })
})

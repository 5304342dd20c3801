// A real nscd on a booted host: what it caches must not bring back what was taken away.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { makeKey } from '../support/machine.ts'

const config =
  '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\nrefresh = "10s"\n[access]\ngroups = ["developers"]\nsudo_groups = ["ops"]\n'

describe('beside nscd', () => {
  let container: Container
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-nscd-'))
  const { publicKey } = makeKey(folder, 'key', 'ed25519')
  const directory = (ops: readonly string[], id: string): string =>
    [
      `[[user]]\nname = "alice"\nkeys = ["${publicKey}"]\n`,
      `[[user]]\nname = "carol"\nid = "${id}"\nkeys = ["${publicKey}"]\n`,
      '[[group]]\nname = "developers"\nmembers = ["alice", "carol"]\n',
      `[[group]]\nname = "ops"\nmembers = [${ops.map((name) => `"${name}"`).join()}]\n`,
    ].join('')
  const sudo = (): Promise<{ readonly code: number }> =>
    container.run(`su alice -s /bin/sh -c 'sudo -n true'`)

  beforeAll(async () => {
    container = await startContainer(({ write }) => {
      write('/etc/iamlogin/iamlogin.toml', config)
      write('/etc/iamlogin/directory.toml', directory(['alice'], 'AIDACAROL1'))
    })
    await container.must('rm /etc/systemd/system/nscd.service && systemctl daemon-reload')
    await container.must('systemctl start nscd')
  })
  afterAll(async () => {
    await container.stop()
    rmSync(folder, { recursive: true })
  })

  it('takes sudo away at the refresh', async () => {
    expect((await sudo()).code).toBe(0)
    await container.must('id alice; getent group iamlogin-sudo')
    expect(await container.must('nscd -g | grep -c positive')).not.toBe('0')
    container.write('/etc/iamlogin/directory.toml', directory([], 'AIDACAROL1'))
    await container.must('iamlogin refresh')
    expect((await sudo()).code).not.toBe(0)
    expect(await container.must('getent group iamlogin-sudo')).toMatch(/:$/)
    expect(await container.must('id -nG alice')).not.toContain('sudo')
  })

  it('gives who was created again their own uid at the refresh', async () => {
    const before = await container.must('id -u carol')
    container.write('/etc/iamlogin/directory.toml', directory([], 'AIDACAROL2'))
    await container.must('iamlogin refresh')
    const after = await container.must('id -u carol')
    expect(after).not.toBe(before)
    expect((await container.run(`getent passwd ${before}`)).code).toBe(2)
  })

  it('names the cache in status and log', async () => {
    expect(await container.must('iamlogin status')).toContain('nscd caches names on this host')
    expect(await container.must('journalctl -u iamlogind -o cat')).toContain(
      'nscd caches names on this host',
    )
  })
})

// A real nscd, and a real unscd, on a booted host: what they cache must not bring back what was taken
// away.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startContainer, type Container } from '../support/container.ts'
import { makeKey } from '../support/machine.ts'
import { putUnscd } from '../support/unscd.ts'

const config =
  '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\nrefresh = "10s"\n[access]\ngroups = ["developers"]\nsudo_groups = ["ops"]\n'

describe.each(['nscd', 'unscd'])('beside %s', (unit) => {
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
    container = await startContainer(({ root, write }) => {
      if (unit === 'unscd') putUnscd(root)
      write('/etc/iamlogin/iamlogin.toml', config)
      write('/etc/iamlogin/directory.toml', directory(['alice'], 'AIDACAROL1'))
    })
    await container.must('rm /etc/systemd/system/nscd.service && systemctl daemon-reload')
    // unscd makes no folder for its socket, and its package none at boot.
    await container.must(`mkdir -p /run/nscd && systemctl start ${unit}`)
  })
  afterAll(async () => {
    await container.stop()
    rmSync(folder, { recursive: true })
  })

  const refresh = async (ops: readonly string[], id = 'AIDACAROL1'): Promise<void> => {
    container.write('/etc/iamlogin/directory.toml', directory(ops, id))
    await container.must('iamlogin refresh')
  }
  const sudoers = (): Promise<string> => container.must('getent group iamlogin-sudo')

  it('would go on with people of before, were it not emptied', async () => {
    expect(await sudoers()).toMatch(/:alice$/)
    await container.must('systemctl stop iamlogin-terminate.socket')
    await refresh([])
    expect(await sudoers()).toMatch(/:alice$/)
    await container.must('systemctl start iamlogin-terminate.socket')
    await refresh(['carol'])
    expect(await sudoers()).toMatch(/:carol$/)
    await refresh(['alice'])
  })

  it('takes sudo away at the refresh', async () => {
    expect((await sudo()).code).toBe(0)
    await container.must('id alice; getent group iamlogin-sudo')
    await refresh([])
    expect((await sudo()).code).not.toBe(0)
    expect(await sudoers()).toMatch(/:$/)
    expect(await container.must('id -nG alice')).not.toContain('sudo')
  })

  it('gives who was created again their own uid at the refresh', async () => {
    const before = await container.must('id -u carol')
    await refresh([], 'AIDACAROL2')
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

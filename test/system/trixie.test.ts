// Debian 13: glibc 2.41, gcc 14, OpenSSH 10, sudo-rs beside sudo. Built there, by the README's quick
// start, from this checkout; the build folder is the container's own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Container } from '../support/container.ts'
import type { IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { startBareHost } from '../support/quick-start.ts'
import { until, visitsOf } from '../support/visits.ts'

/** The container has no npm; dist/ is TypeScript's and built already. */
const npm = '#!/bin/sh\n[ "$*" = "run build" ] || exit 99\nexec sh scripts/build-native.sh\n'

/** Again, over the one of the quick start. */
const install = 'cd /root/checkout && sh scripts/install.sh'

const modules = ['libnss_iamlogin.so.2', 'pam_iamlogin.so', 'iamlogin_native.node']

describe('Debian 13', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-trixie-'))
  const key = makeKey(folder, 'alice', 'rsa')
  let iam: IamServer
  let container: Container

  beforeAll(async () => {
    const host = { npm, source: 'refresh = "2s"\n', suite: 'trixie' } as const
    ;({ iam, container } = await startBareHost(key.publicKey, host))
    // Mode 0644, with which visudo finds fault and sudo does not: no reason to install nothing.
    await container.must(
      `mkdir /root/checkout && cd /root/checkout && for each in dist native node_modules package.json package-lock.json packaging scripts test; do
         ln -s "/src/$each" .; done &&
       useradd --create-home --shell /bin/bash ubuntu && echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/90-ubuntu`,
    )
  })
  afterAll(async () => {
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('builds and installs by the quick start', async () => {
    await container.must('cd /root/checkout && sh -eu /root/quickstart.sh')
    expect(await container.must('gcc -dumpversion; getconf GNU_LIBC_VERSION')).toBe(
      '14\nglibc 2.41',
    )
  })

  it.each(modules)('%s asks glibc for no more than 2.28', async (module) => {
    const needed = await container.must(
      `objdump -T /root/checkout/build/Release/${module} | grep -o 'GLIBC_[0-9.]*' | sort -uV`,
    )
    const newest = needed.split('\n').at(-1) ?? ''
    expect(newest).toMatch(/^GLIBC_2\.([0-9]|1[0-9]|2[0-8])(\.[0-9]+)?$/)
  })

  it('passes the native tests, built by gcc 14 without sanitizers', async () => {
    const told = await container.must(
      `cmake -S /src/native -B /root/native -G Ninja -DIAMLOGIN_TESTS=ON -DIAMLOGIN_TEST_PATHS=ON \\
         -DIAMLOGIN_ADDON=OFF >/dev/null && cmake --build /root/native >/dev/null &&
       ctest --test-dir /root/native --output-on-failure --timeout 120 -j 2`,
    )
    expect(told).toMatch(/100% tests passed, 0 tests failed out of [1-9]/)
  })

  it("is asked by that libc's getent, and lets alice in by OpenSSH 10", async () => {
    expect(await container.must('getent passwd alice')).toMatch(/^alice:\*:\d+:\d+:alice:/)
    expect(await container.must('id alice')).toContain('(developers)')
    expect(await visitsOf(container).run('alice', key.path, 'pwd; sudo -n id -un')).toEqual({
      code: 0,
      output: '/home/alice\nroot',
    })
    expect(await container.must('iamlogin audit --user alice')).toContain('session-open')
  })

  it('leaves sudo-rs to local users, where the file for sudo made it fail for all', async () => {
    const asUbuntu = 'setpriv --reuid ubuntu --regid ubuntu --init-groups sudo-rs -n true'
    expect(await container.run(asUbuntu)).toMatchObject({ code: 0 })
    await container.must('install -m 440 /src/packaging/sudoers/iamlogin /etc/sudoers.d/iamlogin')
    expect((await container.run(asUbuntu)).code).not.toBe(0)
    expect(await container.must('iamlogin config check 2>&1')).toContain(
      'refuses "Defaults group_plugin"',
    )
    await container.must(
      'install -m 440 /src/packaging/sudoers/iamlogin-sudo-rs /etc/sudoers.d/iamlogin',
    )
  })

  it('sets group_source for the sudo beside it, and keeps a copy of the file', async () => {
    expect(await container.must('tail -n 1 /etc/sudo.conf; stat -c %U:%a /etc/sudo.conf')).toBe(
      'Set group_source dynamic\nroot:644',
    )
    expect(await container.must('iamlogin config check 2>&1')).not.toContain('sudo')
    const added = await container.run('diff /etc/sudo.conf.before-iamlogin /etc/sudo.conf')
    expect(added.stdout.match(/^[<>] \S.*/gm)).toHaveLength(2)
  })

  it.each(['sudo', 'sudo-rs'])(
    'gives and takes %s by IAM group within refresh, in a session that is open',
    async (sudo) => {
      const visits = visitsOf(container)
      const session = await visits.stay('alice', key.path)
      const asAlice = (): Promise<boolean> =>
        new Promise((answered) => {
          let said = ''
          const hear = (part: Buffer): void => {
            said += part.toString()
            const status = /rc=(\d+)/.exec(said)?.[1]
            if (status === undefined) return
            session.stdout?.off('data', hear)
            answered(status === '0')
          }
          session.stdout?.on('data', hear)
          session.stdin?.write(`${sudo} -n true; echo rc=$?\n`)
        })
      expect(await asAlice()).toBe(true)
      iam.removeFromGroup('alice', 'ops')
      await until(async () => !(await asAlice()))
      iam.addToGroup('alice', 'ops')
      await until(asAlice)
      await visits.leave(session)
    },
  )

  it("leaves a setting of the host's own alone, and tells what it does", async () => {
    await container.must('echo "Set group_source static" > /etc/sudo.conf')
    const { code, stderr } = await container.run(install)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toContain('/etc/sudo.conf: "Set group_source static" stays as it is')
    expect(await container.must('cat /etc/sudo.conf')).toBe('Set group_source static')
    expect(await container.must('iamlogin config check 2>&1')).toContain(
      'add "Set group_source dynamic" to /etc/sudo.conf',
    )
  })

  it('puts sudo.conf back where a later step fails, and edits none that sudo ignores', async () => {
    await container.must(
      'echo "Set probe_interfaces false" > /etc/sudo.conf && chmod 640 /etc/sudo.conf && sed -i "/^Include/d" /etc/ssh/sshd_config',
    )
    expect((await container.run(install)).stderr).toContain('sshd does not take our key command')
    const see = 'cat /etc/sudo.conf; stat -c %a /etc/sudo.conf'
    expect(await container.must(see)).toBe('Set probe_interfaces false\n640')
    await container.must('chmod 666 /etc/sudo.conf')
    expect((await container.run(install)).stderr).toContain('sudo ignores /etc/sudo.conf')
    expect(await container.must(see)).toBe('Set probe_interfaces false\n666')
  })
})

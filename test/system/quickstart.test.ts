// The README's quick start, word for word, on a booted Debian that has nothing of ours: as it is
// written, a second time over a running resolver, under another umask, and after a build that failed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Container } from '../support/container.ts'
import type { IamServer } from '../support/iam-server.ts'
import { makeKey } from '../support/machine.ts'
import { startBareHost } from '../support/quick-start.ts'
import { visitsOf } from '../support/visits.ts'

/** The container has no npm, and the checkout, read-only there, is built already: how `npm run build` ends. */
const npm = (status: number): string =>
  `#!/bin/sh\n[ "$*" = "run build" ] && exit ${status}\nexit 99\n`

/** What an installation edits of the host's own files. */
const hostFiles =
  '/etc/nsswitch.conf /etc/pam.d/* /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* /etc/sudoers.d/* /etc/sudo.conf'

/** As pasted into a shell: it goes on after a command that failed. */
const paste = (container: Container, umask = '022') =>
  container.run(`umask ${umask}; cd /src && sh /root/quickstart.sh`)

describe("the README's quick start", () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-quickstart-'))
  const key = makeKey(folder, 'alice', 'rsa')
  let iam: IamServer
  let container: Container

  const sums = () => container.must(`sha256sum ${hostFiles}; ls -l ${hostFiles}`)
  const units = () => container.must('ls /etc/systemd/system /etc/systemd/system/*.wants')
  const resolverPid = () => container.must('systemctl show -P MainPID iamlogind')

  beforeAll(async () => {
    ;({ iam, container } = await startBareHost(key.publicKey, { npm: npm(1), source: '' }))
  })
  afterAll(async () => {
    await container.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  it('edits nothing after a build that failed', async () => {
    const before = [await sums(), await units()]
    const { code } = await paste(container)
    expect(code).not.toBe(0)
    expect([await sums(), await units()]).toEqual(before)
    expect(
      await container.must('ls /opt/iamlogin /usr/libexec; getent passwd iamlogin || true'),
    ).not.toMatch(/iamlogin:x|releases|^iamlogin$/m)
    expect(await container.must('systemctl is-active iamlogind || true')).toBe('inactive')
    expect(await container.must('systemctl list-units --all --no-legend "iamlogin*"')).toBe('')
    expect(await container.must('find /run /var/lib -name "iamlogin*"')).toBe('')
  })

  it('edits nothing while a check fails, and names what failed', async () => {
    container.write('/usr/local/bin/npm', npm(0), 0o755)
    container.write('/etc/ssh/sshd_config.d/90-site.conf', 'NoSuchOption yes\n')
    const before = [await sums(), await units()]
    const { code, stderr } = await container.run('cd /src && sh scripts/install.sh')
    expect({ code, stderr }).toMatchObject({ code: 1 })
    expect(stderr).toContain('NoSuchOption')
    expect([await sums(), await units()]).toEqual(before)
    await container.must('rm /etc/ssh/sshd_config.d/90-site.conf')
  })

  it('puts every file back when the resolver does not start', async () => {
    const before = [await sums(), await units()]
    await container.must(
      'mkdir -p /run/systemd/system/iamlogind.service.d && ' +
        'printf "[Service]\\nExecStartPre=/bin/false\\n" > /run/systemd/system/iamlogind.service.d/broken.conf',
    )
    const { code, stderr } = await container.run('cd /src && sh scripts/install.sh')
    expect({ code, stderr }).toMatchObject({ code: 1 })
    expect(stderr).toContain('the resolver does not start')
    expect([await sums(), await units()]).toEqual(before)
    expect(
      await container.must(
        'ls /usr/libexec/iamlogin /opt/iamlogin/releases /usr/lib/*/libnss_iamlogin* 2>/dev/null || true',
      ),
    ).not.toMatch(/iamlogind|libnss_iamlogin|^\w{8}$/m)
    expect(await container.must('systemctl is-active iamlogind || true')).not.toBe('activating')
    await container.must('rm -r /run/systemd/system/iamlogind.service.d')
  })

  it('ends without an error under umask 027', async () => {
    const { code, stderr } = await paste(container, '027')
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

  it('installs over a running resolver, and edits nothing twice', async () => {
    const [before, pid] = [await sums(), await resolverPid()]
    // A process that has the module mapped: cut short, the file would kill it at the second lookup.
    const mapped = container.run(
      `mkfifo /run/go; perl -e 'getpwnam("alice") or exit 2; open(my $go, "<", "/run/go"); <$go>; getpwnam("alice") or exit 3'`,
    )
    const { code, stderr } = await paste(container, '077')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    await container.must('echo go > /run/go')
    expect(await mapped).toMatchObject({ code: 0 })
    expect((await sums()).replace(/^-.*$/gm, '')).toBe(before.replace(/^-.*$/gm, ''))
    expect(await resolverPid()).not.toBe(pid)
    expect(await container.must('ls /opt/iamlogin/releases | wc -l')).toBe('1')
    expect(await visitsOf(container).run('alice', key.path, 'sudo -n id -un')).toEqual({
      code: 0,
      output: 'root',
    })
  })

  it("keeps a copy of our sshd drop-in with lines of the host's own, and says so", async () => {
    const file = '/etc/ssh/sshd_config.d/05-iamlogin.conf'
    await container.must(`echo '# of this host' >> ${file}`)
    const told = await container.must('cd /src && sh scripts/install.sh')
    expect(told).toContain(`now in ${file}.before: lines of your own belong in a file of their own`)
    expect(
      await container.must(
        `tail -n 1 ${file}.before; cmp ${file} /src/packaging/sshd/05-iamlogin.conf`,
      ),
    ).toBe('# of this host')
    // How the installation ends: what the source says.
    expect(told).toMatch(/^source +iam: ok$/m)
    await container.must(`rm ${file}.before`)
  })

  it('goes back to the resolver of before when the new one does not start', async () => {
    const before = await sums()
    const release = await container.must('readlink /opt/iamlogin/current')
    // The mark is there while the new one starts, and gone when the one of before does.
    await container.must(
      'mkdir -p /run/systemd/system/iamlogind.service.d && touch /run/broken-once && printf ' +
        '"[Service]\\nExecStartPre=+/bin/sh -c \'! rm /run/broken-once\'\\n" > /run/systemd/system/iamlogind.service.d/broken.conf',
    )
    const { code, stderr } = await container.run('cd /src && sh scripts/install.sh')
    expect({ code, stderr }).toMatchObject({ code: 1 })
    expect(await container.must('readlink /opt/iamlogin/current')).toBe(release)
    expect(await container.must('systemctl is-active iamlogind')).toBe('active')
    expect((await sums()).replace(/^-.*$/gm, '')).toBe(before.replace(/^-.*$/gm, ''))
    expect(await container.must('getent passwd alice')).toMatch(/^alice:/)
    await container.must('rm -r /run/systemd/system/iamlogind.service.d')
  })
})

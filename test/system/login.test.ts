// From the IAM API to a shell: a real sshd, the real SDK, real keys, a private machine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import {
  makeKey,
  sshdConfig,
  startMachine,
  type Machine,
  type Outcome,
} from '../support/machine.ts'

const missBound = 60

describe('login over ssh', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-keys-'))
  const rsa = makeKey(folder, 'rsa', 'rsa')
  const ed25519 = makeKey(folder, 'ed25519', 'ed25519')
  const ecdsa = makeKey(folder, 'ecdsa', 'ecdsa')
  const stranger = makeKey(folder, 'stranger', 'ed25519')
  let iam: IamServer
  let machine: Machine

  const refresh = (): Promise<unknown> => machine.control('/refresh', 'POST')
  const total = (): number => Object.values(iam.calls()).reduce((sum, each) => sum + each, 0)
  const refused = (outcome: Outcome): void => {
    expect(outcome.stderr).toContain('Permission denied')
    expect(outcome.code).toBe(255)
  }

  beforeAll(async () => {
    iam = await startIamServer()
    machine = await startMachine()
    iam.addUser('Alice', ['developers', 'ops'])
    iam.uploadKey('Alice', rsa.publicKey)
    iam.tagUser('Alice', 'iamlogin:ssh-key', ed25519.publicKey)
    iam.tagUser('Alice', 'iamlogin:ssh-key:2', ecdsa.publicKey)
    for (const name of ['jane@example.org', 'jo@example.com', 'a+b=c,d', 'root', 'bob', 'dave']) {
      iam.addUser(name, ['developers'])
      iam.uploadKey(name, rsa.publicKey)
    }
    iam.addUser('outsider', ['others'])
    iam.uploadKey('outsider', rsa.publicKey)
    machine.run(
      'ssh-keygen -q -t ed25519 -N "" -f /etc/iamlogin/ssh_host_ed25519_key;' +
        'useradd -m -s /bin/bash bob; useradd -m -s /bin/bash ec2-user;' +
        'echo "session required pam_mkhomedir.so umask=0077" >> /etc/pam.d/sshd',
    )
    machine.write('/etc/iamlogin/sshd_config', sshdConfig(machine))
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      `[source]
kind = "iam"
endpoint = "${iam.url}"
refresh = "1h"
miss_calls_per_minute = ${missBound}
[access]
groups = ["developers"]
sudo_groups = ["ops"]
shared_accounts = { "ec2-user" = ["ops"] }
[names]
strip_domain = ["example.com"]
[audit]
journal = false
file = "/var/lib/iamlogin/audit.ndjson"
`,
    )
    // As the unit does, as root, before it starts the resolver.
    expect(
      machine.run(
        '/opt/iamlogin/node_modules/.bin/node /opt/iamlogin/dist/cli.js config grants --write',
      ),
    ).toMatchObject({ code: 0, stdout: expect.stringContaining('ec2-user') as string })
    await machine.startResolver()
    await machine.startSshd()
  })

  afterAll(async () => {
    await machine.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })

  beforeEach(() => {
    iam.setFault('*')
  })

  it.each([
    ['RSA', rsa.path],
    ['Ed25519', ed25519.path],
    ['ECDSA', ecdsa.path],
  ])('opens with an %s key', async (_type, key) => {
    const outcome = await machine.ssh('alice', key, 'id -un; id -Gn; pwd')
    expect(outcome).toMatchObject({
      code: 0,
      stdout: 'alice\nalice developers ops iamlogin-sudo\n/home/alice\n',
    })
  })

  it('gives each person a uid from the IAM UserId, in the range', async () => {
    const { stdout } = await machine.runAsync('id -u alice')
    expect(Number(stdout)).toBeGreaterThanOrEqual(1879048192)
    expect(Number(stdout)).toBeLessThanOrEqual(2147483647)
  })

  it('costs one call a group to refresh, and none for a second login within keys.ttl', async () => {
    iam.resetCalls()
    await refresh()
    expect(iam.calls()).toEqual({ GetGroup: 2 })
    await machine.ssh('alice', rsa.path, 'true')
    iam.resetCalls()
    expect((await machine.ssh('alice', ed25519.path, 'true')).code).toBe(0)
    expect(iam.calls()).toEqual({})
  })

  it('reads the pages of a large group, a call each', async () => {
    iam.setPageSize(3)
    iam.resetCalls()
    await refresh()
    iam.setPageSize(100)
    expect(iam.calls()).toEqual({ GetGroup: 4 })
  })

  it('refuses a wrong key', async () => {
    refused(await machine.ssh('alice', stranger.path, 'true'))
  })

  it('refuses a deactivated key at once after a refresh', async () => {
    const key = makeKey(folder, 'old', 'rsa')
    const id = iam.uploadKey('dave', key.publicKey)
    await refresh()
    expect((await machine.ssh('dave', key.path, 'true')).code).toBe(0)
    iam.setKeyStatus('dave', id, 'Inactive')
    await refresh()
    refused(await machine.ssh('dave', key.path, 'true'))
  })

  it('refuses a user who is out of the group', async () => {
    refused(await machine.ssh('outsider', rsa.path, 'true'))
    expect((await machine.runAsync('getent passwd outsider')).code).toBe(2)
  })

  it('takes access away with the group', async () => {
    iam.addUser('erin', ['developers'])
    iam.uploadKey('erin', rsa.publicKey)
    await refresh()
    expect((await machine.ssh('erin', rsa.path, 'true')).code).toBe(0)
    iam.removeFromGroup('erin', 'developers')
    await refresh()
    refused(await machine.ssh('erin', rsa.path, 'true'))
    expect((await machine.runAsync('getent passwd erin')).code).toBe(2)
  })

  it('does not open a local account for an IAM user of the same name', async () => {
    refused(await machine.ssh('bob', rsa.path, 'true'))
    expect((await machine.runAsync('getent passwd bob')).stdout).toMatch(/^bob:x:1\d{3}:/)
  })

  it('refuses the IAM user root', async () => {
    refused(await machine.ssh('root', rsa.path, 'true'))
    expect((await machine.runAsync('getent passwd root')).stdout).toMatch(/^root:x:0:0:/)
  })

  it('opens a shared account for the people of its groups alone, and names the person', async () => {
    expect(await machine.ssh('ec2-user', ed25519.path, 'id -un')).toMatchObject({
      code: 0,
      stdout: 'ec2-user\n',
    })
    refused(await machine.ssh('ec2-user', stranger.path, 'true'))
    const events = machine
      .read('/var/lib/iamlogin/audit.ndjson')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(events).toContainEqual(
      expect.objectContaining({
        event: expect.objectContaining({ action: 'key-offered' }) as unknown,
        user: expect.objectContaining({
          name: 'Alice',
          effective: expect.objectContaining({ name: 'ec2-user' }) as unknown,
        }) as unknown,
      }),
    )
  })

  it.each([
    ['jane@example.org', 'jane.at.example.org'],
    ['jo@example.com', 'jo'],
    ['a+b=c,d', 'a.plus.b.equal.c.comma.d'],
  ])('lets %s in as %s', async (_iamName, name) => {
    expect(await machine.ssh(name, rsa.path, 'id -un')).toMatchObject({
      code: 0,
      stdout: `${name}\n`,
    })
  })

  it('lets a brand-new user in at the first try', async () => {
    iam.addUser('newcomer', ['developers'])
    iam.uploadKey('newcomer', rsa.publicKey)
    expect(await machine.ssh('newcomer', rsa.path, 'id -un')).toMatchObject({
      code: 0,
      stdout: 'newcomer\n',
    })
  })

  it('opens no files of a deleted user to whoever is created by the same name', async () => {
    const keys = ['first', 'second', 'third'].map((name) => makeKey(folder, `gina-${name}`, 'rsa'))
    const [first, second, third] = keys.map(({ path }) => path)
    const uidOf = async (key = '') => (await machine.ssh('gina', key, 'id -u')).stdout
    const recreate = (key = '') => {
      iam.deleteUser('gina')
      iam.addUser('gina', ['developers'])
      iam.uploadKey('gina', key)
    }
    /** Has the keys asked for again at the next login, the directory not. */
    const forgetKeys = async () => {
      iam.setFault('GetGroup', 'denied')
      await refresh()
    }
    recreate(keys[0]?.publicKey)
    await refresh()
    const uid = await uidOf(first)
    expect(uid).toMatch(/^\d+\n$/)

    recreate(keys[1]?.publicKey)
    await forgetKeys()
    iam.setFault('GetGroup')
    refused(await machine.ssh('gina', second ?? '', 'id -u'))
    const next = await uidOf(second)
    expect(next).toMatch(/^\d+\n$/)
    expect(next).not.toBe(uid)

    recreate(keys[2]?.publicKey)
    await forgetKeys()
    refused(await machine.ssh('gina', third ?? '', 'id -u'))
    // Nor by the key of before: whosever the name is now, IAM has it no more.
    refused(await machine.ssh('gina', second ?? '', 'id -u'))
    iam.setFault('GetGroup')
    await refresh()
    expect([uid, next, '']).not.toContain(await uidOf(third))
  })

  it('lets people in while IAM is down', async () => {
    await machine.ssh('alice', rsa.path, 'true')
    iam.setFault('*', 'close')
    // Forgets what is fresh: the keys must be asked for, and the last known ones serve.
    await refresh()
    expect((await machine.ssh('alice', rsa.path, 'true')).code).toBe(0)
  })

  it('lets people in when the resolver restarts while IAM is down', async () => {
    iam.setFault('*', 'close')
    await machine.stopResolver('SIGTERM')
    await machine.startResolver()
    expect((await machine.ssh('alice', rsa.path, 'id -un')).stdout).toBe('alice\n')
  })

  it('resolves who is known without the resolver, and tells the outage for all others as unavailable', async () => {
    const probe =
      'import ctypes,os\n' +
      'lib=ctypes.CDLL("libnss_iamlogin.so.2")\n' +
      'b=ctypes.create_string_buffer(4096);p=ctypes.create_string_buffer(256);e=ctypes.c_int()\n' +
      'for name in b"alice",b"stranger": print(lib._nss_iamlogin_getpwnam_r(name,p,b,4096,ctypes.byref(e)))'
    machine.write('/tmp/probe.py', probe)
    expect((await machine.runAsync('python3 /tmp/probe.py')).stdout).toBe('1\n0\n')
    iam.setFault('*')
    await machine.stopResolver('SIGKILL')
    expect((await machine.runAsync('python3 /tmp/probe.py')).stdout).toBe('1\n-1\n')
    await machine.startResolver()
  })

  it('lets in who came before while the resolver is away, and nobody else', async () => {
    iam.addUser('frank', ['developers'])
    const key = makeKey(folder, 'franks', 'rsa')
    const id = iam.uploadKey('frank', key.publicKey)
    await refresh()
    expect((await machine.ssh('frank', key.path, 'true')).code).toBe(0)
    expect((await machine.ssh('ec2-user', ed25519.path, 'true')).code).toBe(0)
    iam.setKeyStatus('frank', id, 'Inactive')
    await refresh()
    refused(await machine.ssh('frank', key.path, 'true'))
    // At once: what was taken away must not come back from the disk.
    await machine.stopResolver('SIGKILL')
    refused(await machine.ssh('frank', key.path, 'true'))
    expect((await machine.ssh('alice', rsa.path, 'id -un')).stdout).toBe('alice\n')
    expect((await machine.ssh('ec2-user', ed25519.path, 'id -un')).stdout).toBe('ec2-user\n')
    refused(await machine.ssh('alice', stranger.path, 'true'))
    refused(await machine.ssh('outsider', rsa.path, 'true'))
    refused(await machine.ssh('bob', rsa.path, 'true'))
    refused(await machine.ssh('root', rsa.path, 'true'))
    await machine.startResolver()
  })

  it('opens no local account that root did not list, whatever the resolver says', async () => {
    machine.run('mv /etc/iamlogin/root.d/shared-accounts /etc/iamlogin/away')
    refused(await machine.ssh('ec2-user', ed25519.path, 'true'))
    machine.run('mv /etc/iamlogin/away /etc/iamlogin/root.d/shared-accounts')
    expect((await machine.ssh('ec2-user', ed25519.path, 'true')).code).toBe(0)
  })

  it('lists everyone', async () => {
    const { stdout } = await machine.runAsync(
      'getent passwd | grep -c developers; getent passwd | cut -d: -f1',
    )
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['alice', 'jo', 'dave']))
    expect((await machine.runAsync('getent group developers')).stdout).toContain('alice')
  })

  it(`spends at most ${missBound} calls a minute on a stranger's key at a shared account`, async () => {
    for (let number = 0; number < 50; number++) {
      iam.addUser(`sharer${number}`, ['ops'])
      iam.uploadKey(`sharer${number}`, rsa.publicKey)
    }
    await refresh()
    expect((await machine.ssh('ec2-user', ed25519.path, 'true')).code).toBe(0)
    iam.resetCalls()
    const keyCalls = (): number => total() - (iam.calls()['GetGroup'] ?? 0)
    const startedAt = Date.now()
    for (let each = 0; each < 3; each++) {
      await refresh()
      refused(await machine.ssh('ec2-user', stranger.path, 'true'))
    }
    const minutes = Math.ceil((Date.now() - startedAt) / 60_000)
    expect(keyCalls()).toBeLessThanOrEqual(missBound * (1 + minutes))
    expect(keyCalls()).toBeGreaterThan(0)
    // Whose key is known gets in all the same, for the calls of one person.
    await refresh()
    iam.resetCalls()
    expect((await machine.ssh('ec2-user', ed25519.path, 'id -un')).stdout).toBe('ec2-user\n')
    expect(total()).toBeLessThanOrEqual(2)
  })

  it(`spends at most ${missBound} calls a minute on 10,000 guesses`, async () => {
    machine.write(
      '/tmp/guess.py',
      'import pwd\nfor i in range(10000):\n  try: pwd.getpwnam("guess%d" % i); print("found")\n  except KeyError: pass\n',
    )
    iam.resetCalls()
    const startedAt = Date.now()
    expect(await machine.runAsync('python3 /tmp/guess.py')).toMatchObject({ code: 0, stdout: '' })
    const minutes = Math.ceil((Date.now() - startedAt) / 60_000)
    // The bucket is full at the start and fills again meanwhile.
    expect(total()).toBeLessThanOrEqual(missBound * (1 + minutes))
    expect(total()).toBeGreaterThan(0)
  })
})

// Keys and the clocks: the resolver's wall clock is set back (faketime(1)), its disk cannot be written, and
// a key that was made inactive opens nothing. sshd's key command is asked, as sshd asks it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { makeKey, startMachine, type Machine } from '../support/machine.ts'

const state = '/var/lib/iamlogin'
const offset = '/run/faketime-offset'
/** The wall clock goes by the file `offset`, read at each look; clocks that nobody sets stay true. */
const faketime = {
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1',
  FAKETIME_TIMESTAMP_FILE: offset,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  NO_FAKE_STAT: '1',
}

describe('a key that is made inactive', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-clock-'))
  const { publicKey } = makeKey(folder, 'alice', 'rsa')
  let iam: IamServer
  let machine: Machine
  let keyId = ''
  const answer = async (): Promise<'key' | 'none' | 'cannot say'> => {
    const asked = await machine.runAsync(
      `setpriv --reuid 900 --regid 900 --clear-groups /usr/libexec/iamlogin/iamlogin-authorized-keys alice $(id -u alice) ${publicKey.split(' ').slice(0, 2).join(' ')}`,
    )
    if (asked.code !== 0) return 'cannot say'
    return asked.stdout.includes('ssh-rsa') ? 'key' : 'none'
  }
  const reads = () => iam.calls()['GetGroup'] ?? 0
  const configure = (keysTtl: string, refresh: string) => {
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      `[source]\nendpoint = "${iam.url}"\nrefresh = "${refresh}"\n[access]\ngroups = ["developers"]\n[keys]\nttl = "${keysTtl}"\n[audit]\njournal = false\n`,
    )
  }
  const start = async (): Promise<void> => {
    await machine.startResolver(faketime)
  }
  const setClock = (to: string) => {
    machine.write(offset, to)
  }
  const saved = (pattern: string) =>
    expect
      .poll(async () => (await machine.runAsync(`grep -c '${pattern}' ${state}/keys.db`)).code, {
        timeout: 10_000,
      })
      .toBe(0)

  beforeAll(async () => {
    iam = await startIamServer()
    iam.addUser('alice', ['developers'])
    keyId = iam.uploadKey('alice', publicKey)
    machine = await startMachine()
  })
  afterAll(async () => {
    await machine.stop()
    await iam.stop()
    rmSync(folder, { recursive: true })
  })
  beforeEach(async () => {
    await machine.stopResolver('SIGKILL')
    await machine.runAsync(`chmod 755 ${state}; rm -rf ${state}/*`)
    iam.setFault('*')
    iam.setKeyStatus('alice', keyId, 'Active')
    setClock('+0')
  })

  it('is refused within keys.ttl although the wall clock was set back a year', async () => {
    configure('2s', '1h')
    await start()
    expect(await answer()).toBe('key')
    setClock('-365d')
    iam.setKeyStatus('alice', keyId, 'Inactive')
    await expect.poll(answer, { timeout: 10_000, interval: 100 }).toBe('none')
  })

  it('is refused at once by a resolver that starts with the clock behind what was saved', async () => {
    configure('1h', '1h')
    await start()
    expect(await answer()).toBe('key')
    await saved('iamlogin:alice')
    await machine.stopResolver()
    iam.setKeyStatus('alice', keyId, 'Inactive')
    setClock('-365d')
    await start()
    expect(await answer()).toBe('none')
  })

  it('opens, told as stale, while IAM is away: what was saved in the future is not called fresh', async () => {
    configure('1h', '1h')
    await start()
    expect(await answer()).toBe('key')
    await saved('iamlogin:alice')
    await machine.stopResolver()
    iam.setFault('*', 'error')
    setClock('-365d')
    await start()
    expect(await machine.control('/keys/alice')).toMatchObject({ stale: true })
    expect(await answer()).toBe('key')
  })

  for (const [when, isHealed] of [
    ['the state directory cannot be written for a while, and reads follow', true],
    ['the state directory cannot be written until the end', false],
  ] as const)
    it(`is refused by a resolver that starts without IAM, where ${when}`, async () => {
      configure('1s', '1s')
      await start()
      expect(await answer()).toBe('key')
      await saved('iamlogin:alice')
      await machine.runAsync(`chmod 555 ${state}`)
      iam.setKeyStatus('alice', keyId, 'Inactive')
      await expect.poll(answer, { timeout: 10_000, interval: 100 }).toBe('none')
      if (isHealed) {
        await machine.runAsync(`chmod 755 ${state}`)
        const before = reads()
        await expect.poll(reads, { timeout: 20_000 }).toBeGreaterThanOrEqual(before + 5)
      }
      await machine.stopResolver('SIGKILL')
      iam.setFault('*', 'error')
      // What could not be written anew was made unreadable: it says nothing, and opens nothing.
      expect(await answer()).toBe(isHealed ? 'none' : 'cannot say')
      await start()
      // The resolver refuses users whose keys it lost until IAM answers: by 'cannot say', PAM would let
      // them in through cron and su.
      expect(await answer()).toBe('none')
    })
})

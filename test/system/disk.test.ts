// What was taken away stays away although the state directory could not be written at that time.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeKey, startMachine, type Machine } from '../support/machine.ts'

const node = '/opt/iamlogin/node_modules/.bin/node'
const source = '/etc/iamlogin/directory.toml'
const state = '/var/lib/iamlogin'

describe('a state directory that cannot be written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'iamlogin-disk-'))
  const { publicKey } = makeKey(folder, 'alice', 'ed25519')
  let machine: Machine
  const run = (command: string) => machine.runAsync(command)
  const cli = (args: string) => run(`${node} /opt/iamlogin/dist/cli.js ${args}`)
  const exists = async (name: string): Promise<boolean> =>
    (await run(`getent passwd ${name}`)).code === 0
  const enters = async (name: string): Promise<boolean> =>
    (await run(`su ${name} -c true`)).code === 0
  const people = (...names: readonly string[]): void => {
    const users = names.map((name) => `[[user]]\nname = "${name}"\nkeys = ["${publicKey}"]\n`)
    const members = JSON.stringify(names)
    machine.write(source, `${users.join('')}[[group]]\nname = "developers"\nmembers = ${members}\n`)
  }
  /** The source away, the resolver killed: what a new one knows is what is on disk. */
  const restartAlone = async (): Promise<void> => {
    await run(`chmod 000 ${source}`)
    await machine.stopResolver('SIGKILL')
    await machine.startResolver()
  }

  beforeAll(async () => {
    machine = await startMachine()
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      `[source]\nkind = "file"\npath = "${source}"\nrefresh = "1h"\n[access]\ngroups = ["developers"]\nsudo_groups = ["developers"]\n[keys]\nttl = "1s"\n[audit]\njournal = false\n`,
    )
    machine.write(
      '/etc/pam.d/su',
      'auth sufficient pam_rootok.so\naccount required pam_iamlogin.so\nsession required pam_permit.so\n',
    )
    await run(`mount -t tmpfs -o size=200k,mode=755,uid=900,gid=900 tmpfs ${state}`)
  })
  afterAll(async () => {
    await machine.stop()
    rmSync(folder, { recursive: true })
  })

  beforeEach(async () => {
    await machine.stopResolver('SIGKILL')
    await run(`rm -rf ${state}/*; chmod 644 ${source}; chmod 755 ${state}`)
    people('alice', 'bob')
    await machine.startResolver()
    expect((await cli('keys alice')).code).toBe(0)
    await expect
      .poll(async () => (await run(`grep -c iamlogin:alice ${state}/keys.db`)).code, {
        timeout: 10_000,
      })
      .toBe(0)
    expect([await exists('alice'), await exists('bob')]).toEqual([true, true])
  })

  /** A write that is under way gives the room of the file that it replaces back when it ends. */
  const fill = () =>
    expect
      .poll(async () => {
        const { stdout } = await run(`cd ${state}; ls; dd if=/dev/zero bs=1k >> fill; ls`)
        return stdout
      })
      .not.toContain('.new')
  const removeAlice = async () => {
    people('bob')
    const refreshed = await cli('refresh')
    const status = await machine.control('/status')
    expect(refreshed).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('not written: directory.db') as string,
    })
    expect(status).toMatchObject({
      owedWrites: expect.arrayContaining([
        expect.objectContaining({ file: 'directory.db' }),
      ]) as unknown,
    })
    expect(await exists('alice')).toBe(false)
  }

  it('full: tells so, writes when there is room, and a restart alone has nobody who is gone', async () => {
    await fill()
    await removeAlice()
    expect(machine.resolverLog()).toContain('is tried until it succeeds')
    await run(`rm ${state}/fill`)
    await expect.poll(async () => (await cli('status')).code, { timeout: 60_000 }).toBe(0)
    await restartAlone()
    expect([await exists('alice'), await exists('bob')]).toEqual([false, true])
    expect((await run('getent group iamlogin-sudo')).stdout).toMatch(/:bob$/m)
  })

  it('full, and the resolver killed before there is room: nobody who is gone comes back', async () => {
    await fill()
    await removeAlice()
    await run(`chmod 000 ${source}`)
    await machine.stopResolver('SIGKILL')
    expect(await exists('alice')).toBe(false)
    await machine.startResolver()
    expect(await exists('alice')).toBe(false)
    expect((await run('getent group iamlogin-sudo')).stdout).not.toContain('alice')
  })

  it('not writable at all: makes the files that grant too much unbelievable', async () => {
    // The files are the resolver's, the folder lets nothing be made or removed.
    await run(`chmod 555 ${state}`)
    await removeAlice()
    await run(`chmod 000 ${source}`)
    await machine.stopResolver('SIGKILL')
    expect(await exists('alice')).toBe(false)
    await machine.startResolver()
    expect(await exists('alice')).toBe(false)
    await machine.stopResolver('SIGKILL')
    await run(`chmod 755 ${state}`)
  })

  it('full, and no keys.db: an outage lets in nobody of whom it cannot say that they may', async () => {
    await machine.stopResolver('SIGKILL')
    // No key of bob was ever read here.
    expect([await enters('alice'), await enters('bob')]).toEqual([true, true])
    await machine.startResolver()
    await fill()
    machine.write(source, machine.read(source).replace(publicKey, ''))
    await cli('refresh')
    await expect
      .poll(async () => (await cli('keys alice')).code, { timeout: 10_000, interval: 200 })
      .toBe(1)
    await machine.stopResolver('SIGKILL')
    // What the old file gave back may have been room enough for a new one.
    expect((await run(`grep -c iamlogin:alice ${state}/keys.db`)).code).not.toBe(0)
    await run(`rm -f ${state}/keys.db`)
    expect([await enters('alice'), await enters('bob')]).toEqual([false, false])
    await run(`rm ${state}/fill`)
    await machine.startResolver()
    expect([await enters('alice'), await enters('bob')]).toEqual([false, true])
    await machine.stopResolver()
    expect([await enters('alice'), await enters('bob')]).toEqual([false, true])
  })

  it('full, with keys.json and keys.db gone: cron and su wait for the source too', async () => {
    await machine.stopResolver('SIGKILL')
    await run(`chmod 000 ${source}; rm ${state}/keys.json ${state}/keys.db`)
    expect([await enters('alice'), await enters('bob')]).toEqual([false, false])
    await machine.startResolver()
    expect(await exists('alice')).toBe(true)
    expect([await enters('alice'), await enters('bob')]).toEqual([false, false])
    expect(await machine.control('/status')).toMatchObject({
      notices: expect.arrayContaining([
        expect.stringContaining('keys.json and keys.db are lost') as string,
      ]) as unknown,
    })
    // Nor by what it wrote then, with or without a resolver.
    await machine.stopResolver('SIGKILL')
    expect(await enters('alice')).toBe(false)
    await machine.startResolver()
    expect(await enters('alice')).toBe(false)
    await run(`chmod 644 ${source}`)
    expect((await cli('refresh')).code).toBe(0)
    expect([await enters('alice'), await enters('bob')]).toEqual([true, true])
  })

  it('damaged: what one file lost the other gives back', async () => {
    await run(`chmod 000 ${source}`)
    await machine.stopResolver()
    const cut = (name: string) =>
      run(`cd ${state} && truncate -s $(( $(stat -c %s ${name}) / 2 )) ${name}`)
    await cut('directory.json')
    await cut('keys.json')
    await machine.startResolver()
    expect(await cli('keys alice')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ssh-ed25519') as string,
    })
    expect(await machine.control('/explain/alice')).toMatchObject({ allowed: true })
    expect(await machine.control('/status')).toMatchObject({
      directory: { users: 2 },
      notices: expect.arrayContaining([
        expect.stringContaining('restored from directory.db') as string,
        expect.stringContaining('restored from keys.db') as string,
      ]) as unknown,
    })
    expect((await run(`ls ${state}`)).stdout).toContain('directory.json.damaged')
    expect((await run('getent group iamlogin-sudo')).stdout).toMatch(/:alice,bob$/m)
  })

  it('of another source: its people and keys are gone, whether or not the new one can be read', async () => {
    await machine.stopResolver()
    const config = machine.read('/etc/iamlogin/iamlogin.toml')
    machine.write('/etc/iamlogin/iamlogin.toml', config.replace(source, '/etc/iamlogin/none.toml'))
    await machine.startResolver()
    await expect
      .poll(async () => (await run(`cat ${state}/keys.json ${state}/keys.db`)).stdout)
      .not.toContain('ssh-ed25519')
    expect(await machine.control('/status')).toMatchObject({ directory: { users: 0 } })
    // directory.db, which nothing followed, still names them.
    expect([await exists('alice'), await enters('alice'), await enters('bob')]).toEqual([
      true,
      false,
      false,
    ])
    await machine.stopResolver()
    machine.write('/etc/iamlogin/iamlogin.toml', config)
  })
})

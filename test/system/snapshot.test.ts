// directory.db as the promise says: lookups that need nobody.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { buildDirectory } from '../../src/directory/build.ts'
import { encodeSnapshot } from '../../src/snapshot/format.ts'
import { publishSnapshot } from '../../src/snapshot/publish.ts'
import { aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { startMachine, type Machine } from '../support/machine.ts'

const native = join(import.meta.dirname, '../bench/native')
const held = z.object({
  processes: z.number(),
  died: z.number(),
  calls: z.number(),
  wrong: z.number(),
  failed: z.number(),
})
const people = Array.from({ length: 200 }, (_, index) => `user${index}`)

function directoryToml(names: readonly string[]): string {
  const users = names.map((name) => `[[user]]\nname = "${name}"\n`)
  const members = names.map((name) => `"${name}"`).join(', ')
  return `${users.join('')}[[group]]\nname = "developers"\nmembers = [${members}]\n`
}

describe('directory.db', () => {
  let machine: Machine
  const output = async (command: string): Promise<string> =>
    (await machine.runAsync(command)).stdout.trim()

  beforeAll(async () => {
    machine = await startMachine()
    const sources = readdirSync(native).filter((file) => file.endsWith('.c'))
    const program = join(machine.root, 'usr/local/bin/nss-bench')
    execFileSync('gcc', [
      ...['-D_GNU_SOURCE', '-O2', '-o', program],
      ...sources.map((file) => join(native, file)),
    ])
    machine.write('/etc/iamlogin/directory.toml', directoryToml(people))
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\n[access]\ngroups = ["developers"]\n[audit]\njournal = false\n',
    )
    await machine.startResolver()
    await output('iamlogin refresh || true')
    while ((await machine.runAsync('test -e /var/lib/iamlogin/directory.db')).code !== 0)
      await new Promise(setImmediate)
  })
  afterAll(async () => {
    await machine.stop()
  })

  it('serves 64 processes while the resolver is killed a hundred times', async () => {
    const keys = (await output('getent -s iamlogin passwd'))
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name, , uid]) => `${name ?? ''} ${uid ?? ''} 0`)
    expect(keys).toHaveLength(people.length)
    machine.write('/tmp/keys', `${keys.join('\n')}\n`)
    const holder = spawn(
      '/usr/sbin/chroot',
      [
        // Two cores carry 64 busy processes and a resolver that starts only if these are nice.
        ...[machine.root, 'nice', '-n', '19', 'nss-bench', 'hold'],
        ...['--service', 'iamlogin', '--keys', '/tmp/keys', '--processes', '64'],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: '/usr/local/bin:/usr/bin:/bin' } },
    )
    const said = text(holder.stdout)
    const ended = once(holder, 'exit')
    for (let kill = 0; kill < 100; kill++) {
      await machine.stopResolver('SIGKILL')
      await machine.startResolver()
    }
    holder.stdin.end()
    await ended
    const result = held.parse(JSON.parse(await said))
    expect(result).toMatchObject({ processes: 64, died: 0, wrong: 0, failed: 0 })
    expect(result.calls).toBeGreaterThan(100_000)
  }, 300_000)

  it('resolves and enumerates everyone after a boot without network and without a resolver', async () => {
    await machine.stopResolver('SIGKILL')
    // A boot: what /run held is gone, the source cannot be reached.
    rmSync(join(machine.root, 'run/iamlogin/resolver.sock'), { force: true })
    rmSync(join(machine.root, 'etc/iamlogin/directory.toml'))
    expect((await output('getent -s iamlogin passwd')).split('\n')).toHaveLength(people.length)
    expect((await output('getent -s iamlogin group')).split('\n')).toHaveLength(people.length + 2)
    expect(await output('id user7')).toMatch(
      /^uid=\d+\(user7\) gid=\d+\(user7\) groups=\d+\(user7\),\d+\(developers\)$/,
    )
    // And the resolver, once started, serves the same people without its source.
    await machine.startResolver()
    expect((await output('getent -s iamlogin passwd')).split('\n')).toHaveLength(people.length)
    machine.write('/etc/iamlogin/directory.toml', directoryToml(people))
  })

  it('shows who came to processes that hold the old file', async () => {
    machine.write('/etc/iamlogin/directory.toml', directoryToml([...people, 'newcomer']))
    await machine.control('/refresh', 'POST')
    await expect
      .poll(async () => (await machine.runAsync('getent passwd newcomer')).code, {
        timeout: 10_000,
      })
      .toBe(0)
  })

  it('carries 100,000 users and groups of 50,000 members', async () => {
    await machine.stopResolver()
    const users = Array.from({ length: 100_000 }, (_, index) => aUser({ name: `u${index}` }))
    const group = (name: string, from: number, to: number) => ({
      id: `AGPA${name}`,
      name,
      arn: `arn:aws:iam::123456789012:group/${name}`,
      createdAt: 1,
      memberIds: users.slice(from, to).map(({ id }) => id),
    })
    const groups = [group('all', 0, 100_000), group('half', 50_000, 100_000)]
    const source = { users, groups, complete: false }
    const rules = someRules({ groups: ['all', 'half'] })
    const directory = buildDirectory({ source, rules, local: noLocal, pins: noPins })
    const bytes = encodeSnapshot({
      directory,
      generation: 1,
      readAt: Date.now(),
      ids: rules.ids,
      localNames: [],
      offlineMs: 1,
    })
    await publishSnapshot(join(machine.root, 'var/lib/iamlogin'), bytes)
    expect(await output('getent passwd u99999')).toMatch(/^u99999:\*:\d+:\d+:/)
    expect(await output('getent -s iamlogin passwd | wc -l')).toBe('100000')
    expect((await output('getent group half')).split(',')).toHaveLength(50_000)
    expect(await output('id -Gn u60000')).toBe('u60000 all half')
    expect(await output('getent passwd u100000')).toBe('')
  })
})

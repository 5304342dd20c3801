// iamlogind and iamlogin as an administrator meets them.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, startMachine, type Machine } from '../support/machine.ts'
import { children } from '../support/processes.ts'

const node = '/opt/iamlogin/node_modules/.bin/node'
const asUser = 'setpriv --reuid 900 --regid 900 --clear-groups'
const good =
  '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\n[access]\ngroups = ["developers"]\n[audit]\njournal = false\n'

const someDirectory =
  '[[user]]\nname = "alice"\n[[user]]\nname = "root"\n[[group]]\nname = "developers"\nmembers = ["alice", "root"]\n'

describe('iamlogind and iamlogin', () => {
  let machine: Machine
  const cli = (args: string) => machine.runAsync(`${node} /opt/iamlogin/dist/cli.js ${args}`)
  const daemon = (prefix: string) =>
    machine.runAsync(`${prefix} ${node} /opt/iamlogin/dist/daemon.js`)

  beforeAll(async () => {
    machine = await startMachine()
    machine.write('/etc/iamlogin/directory.toml', someDirectory)
    machine.write('/etc/iamlogin/iamlogin.toml', good)
  })
  afterAll(async () => {
    await machine.stop()
  })

  it('does not run as root', async () => {
    expect(await daemon('')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must not run as root') as string,
    })
  })

  it('tells another user than iamlogin in one line why it cannot run', async () => {
    machine.run('mkdir -p /run/iamlogin && chown 900:900 /run/iamlogin && chmod 700 /run/iamlogin')
    const { code, stderr } = await daemon(asUser.replaceAll('900', '65534'))
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^iamlogind: \/run\/iamlogin\/\S+: permission denied \(EACCES\)\nhint: start it as the user iamlogin/m,
    )
    expect(stderr).not.toMatch(/^ {4}at /m)
    machine.run('chmod 755 /run/iamlogin')
  })

  it('says 3 when the resolver cannot be reached', async () => {
    expect(await cli('status')).toMatchObject({ code: 3, stdout: '' })
  })

  it.each([
    ['status', 3, '/run/iamlogin/control.sock'],
    ['users', 3, '/run/iamlogin/control.sock'],
    ['groups', 3, '/run/iamlogin/control.sock'],
    ['keys alice', 3, '/run/iamlogin/control.sock'],
    ['explain alice', 3, '/run/iamlogin/control.sock'],
    ['refresh', 3, '/run/iamlogin/control.sock'],
    ['config grants --write', 1, '/etc/iamlogin/root.d: permission denied'],
    ['config show > /dev/full', 1, 'no space left on device'],
  ])(
    'tells a plain user in one line and a hint why %s cannot be done',
    async (args, code, said) => {
      const plain = `setpriv --reuid 65534 --regid 65534 --clear-groups ${node} /opt/iamlogin/dist/cli.js`
      const { stderr, ...outcome } = await machine.runAsync(`${plain} ${args}`)
      expect(outcome.code).toBe(code)
      expect(stderr).toMatch(/^iamlogin: [^\n]+\nhint: [^\n]+\n$/)
      expect(stderr).toContain(said)
    },
  )

  it('tells a wrong configuration with file and line, and does not start', async () => {
    machine.write('/etc/iamlogin/iamlogin.toml', '[access]\ngruops = ["x"]\n')
    const told = '/etc/iamlogin/iamlogin.toml:2: access.gruops: unknown key; did you mean "groups"?'
    expect(await daemon(asUser)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(told) as string,
    })
    expect(await cli('config check')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(told) as string,
    })
    machine.write('/etc/iamlogin/iamlogin.toml', good)
    expect(await cli('config check')).toMatchObject({ code: 0 })
  })

  it('answers the command line, in words and in JSON', async () => {
    await machine.startResolver()
    expect(await cli('status')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 users') as string,
    })
    const { stdout } = await cli('status --json')
    expect(JSON.parse(stdout)).toMatchObject({
      source: { kind: 'file', state: 'ok' },
      directory: { users: 1 },
    })
    expect((await cli('users')).stdout).toContain('alice')
    expect((await cli('groups')).stdout).toContain('developers')
    expect(await cli('explain root')).toMatchObject({ code: 1 })
    expect((await cli('explain root')).stdout).toContain('belongs to the system')
    expect(await cli('keys alice')).toMatchObject({ code: 1, stdout: 'no valid key for alice\n' })
    expect(await cli('keys nobody.here')).toMatchObject({ code: 1 })
    expect(await cli('refresh')).toMatchObject({ code: 0 })
    expect(await cli('nonsense')).toMatchObject({ code: 2 })
  })

  it('keeps the last good configuration when a reload is refused, and takes a good one', async () => {
    const reload = async (config: string, said: string): Promise<void> => {
      machine.write('/etc/iamlogin/iamlogin.toml', config)
      const before = machine.resolverLog().length
      machine.signalResolver('SIGHUP')
      await expect
        .poll(() => machine.resolverLog().slice(before), { timeout: 10_000 })
        .toContain(said)
    }
    const secret = 'url = "http://127.0.0.1:1/"\nsecret_file = "/etc/iamlogin/no-such-file"\n'
    for (const refused of ['[access]\nx = 1\n', `${good}[notify]\n${secret}`]) {
      await reload(refused, 'the last good one stays')
      expect(await cli('status')).toMatchObject({ code: 0 })
    }
    // Good text that cannot be put to work: the port is taken.
    const port = await freePort()
    const taken = createServer().listen(port, '127.0.0.1')
    await once(taken, 'listening')
    await reload(`${good}[metrics]\nlisten = "127.0.0.1:${port}"\n`, 'the last good one goes on')
    await expect.poll(async () => (await cli('status')).code, { timeout: 10_000 }).toBe(0)
    taken.close()
    await reload(`${good}[accounts]\nshell = "/bin/sh"\n`, '"msg":"ready"')
    expect((await machine.runAsync('getent passwd alice')).stdout).toMatch(/:\/bin\/sh$/m)
  })

  it('merges SIGHUPs, answers every connect meanwhile, and stops in 2 s with reloads owed', async () => {
    machine.write('/etc/iamlogin/iamlogin.toml', good)
    const readies = (text: string): number => text.split('"msg":"ready"').length - 1
    const before = machine.resolverLog().length
    const failures: string[] = []
    let probes = 0
    let isOver = false
    const probe = async (socket: string): Promise<void> => {
      while (!isOver) {
        const client = connect(join(machine.root, 'run/iamlogin', socket))
        await once(client, 'connect').catch((error: unknown) => failures.push(String(error)))
        client.destroy()
        probes++
        await setTimeout(1)
      }
    }
    const ask = async (): Promise<void> => {
      while (!isOver) {
        const { users } = await machine.control('/status').then(
          (document) => (document as { directory: { users: number } }).directory,
          (error: unknown) => ({ users: String(error) }),
        )
        if (users !== 1) failures.push(`users ${users}`)
      }
    }
    const probing = Promise.all([probe('resolver.sock'), probe('control.sock'), ask()])
    for (let signal = 0; signal < 200; signal++) {
      machine.signalResolver('SIGHUP')
      await setTimeout(10)
    }
    const reloads = readies(machine.resolverLog().slice(before))
    isOver = true
    await probing
    expect(failures).toEqual([])
    expect(probes).toBeGreaterThan(200)
    expect(reloads).toBeGreaterThanOrEqual(1)
    expect(reloads).toBeLessThanOrEqual(4)
    for (let signal = 0; signal < 20; signal++) machine.signalResolver('SIGHUP')
    const stoppedAt = performance.now()
    await machine.stopResolver()
    expect(performance.now() - stoppedAt).toBeLessThan(2_500)
    await machine.startResolver()
  })

  it('takes narrower and wider groups at once, and no such change for a loss of the source', async () => {
    const people = Array.from({ length: 12 }, (_, index) => `person${index}`)
    const directory = (groups: Readonly<Record<string, readonly string[]>>): string =>
      [
        ...people.map((name) => `[[user]]\nname = "${name}"\n`),
        ...Object.entries(groups).map(
          ([name, members]) =>
            `[[group]]\nname = "${name}"\nmembers = [${members.map((each) => `"${each}"`).join()}]\n`,
        ),
      ].join('')
    machine.write(
      '/etc/iamlogin/directory.toml',
      directory({ developers: people, ops: people.slice(0, 3) }),
    )
    await expect
      .poll(async () => (await cli('refresh --confirm --json')).stdout, { timeout: 10_000 })
      .toContain('"users": 12')
    const reload = async (groups: string): Promise<void> => {
      const seen = machine.resolverLog().length
      machine.write('/etc/iamlogin/iamlogin.toml', good.replace('"developers"', groups))
      machine.signalResolver('SIGHUP')
      await expect
        .poll(() => machine.resolverLog().slice(seen), { timeout: 10_000 })
        .toContain('"msg":"ready"')
      expect(machine.resolverLog().slice(seen)).not.toContain('the last good directory stays')
    }
    await reload('"ops"')
    expect((await machine.runAsync('getent passwd person2')).code).toBe(0)
    expect((await machine.runAsync('getent passwd person3')).code).toBe(2)
    await reload('"ops", "developers"')
    expect((await machine.runAsync('getent passwd person11')).code).toBe(0)
    await reload('"developers"')
    machine.write('/etc/iamlogin/directory.toml', someDirectory)
    expect(await cli('refresh --confirm')).toMatchObject({ code: 0 })
  })

  it('moves metrics.listen without touching the other sockets', async () => {
    const [one, two] = [await freePort(), await freePort()]
    const get = async (port: number): Promise<number> =>
      fetch(`http://127.0.0.1:${port}/metrics`).then(
        ({ status }) => status,
        () => 0,
      )
    for (const [open, shut] of [
      [one, two],
      [two, one],
    ] as const) {
      machine.write(
        '/etc/iamlogin/iamlogin.toml',
        `${good}[metrics]\nlisten = "127.0.0.1:${open}"\n`,
      )
      machine.signalResolver('SIGHUP')
      await expect.poll(() => get(open), { timeout: 10_000 }).toBe(200)
      expect(await get(shut)).toBe(0)
    }
  })

  it('starts with damaged state, and says so', async () => {
    await machine.stopResolver()
    machine.write('/var/lib/iamlogin/directory.json', '{"version":1,"read')
    machine.write('/var/lib/iamlogin/keys.json', 'null')
    await machine.startResolver()
    expect(machine.resolverLog()).toContain('it is damaged or of another version')
    expect((await machine.runAsync('getent passwd alice')).code).toBe(0)
  })

  it('serves at once after a start, and then by the local accounts and the source of now', async () => {
    await cli('refresh')
    await machine.stopResolver()
    const before = machine.resolverLog().length
    machine.write('/etc/iamlogin/directory.toml', someDirectory.replaceAll('alice', 'alicia'))
    await machine.startResolver()
    expect(machine.resolverLog().slice(before)).not.toContain('is lost')
    await expect.poll(async () => (await cli('users')).stdout).toContain('alicia')
    machine.write('/etc/iamlogin/directory.toml', someDirectory)
    expect((await cli('refresh')).code).toBe(0)
  })

  it('goes by the configuration of root, whatever the state directory says of it', async () => {
    await machine.stopResolver()
    const { stdout } = await machine.runAsync('cat /var/lib/iamlogin/resume.db')
    expect(stdout).toContain('"groups":["developers"]')
    // As a resolver that was taken over would: its own directory and file, nothing else changed.
    machine.run(
      'sed -i \'1s/"groups":\\["developers"\\]/"groups":["*"]/\' /var/lib/iamlogin/resume.db && chown 900:900 /var/lib/iamlogin/resume.db',
    )
    const before = machine.resolverLog().length
    await machine.startResolver()
    await expect
      .poll(() => machine.resolverLog().slice(before), { timeout: 10_000 })
      .toMatch(/the configuration is another than resume\.db says[\s\S]*"msg":"ready"/)
    expect((await machine.runAsync('cat /var/lib/iamlogin/resume.db')).stdout).toContain(
      '"groups":["developers"]',
    )
  })

  it('serves on, reports and reads again where the process that reads is killed', async () => {
    const pid = machine.resolverPid() ?? 0
    const before = machine.resolverLog().length
    const refreshed = cli('refresh')
    await expect.poll(() => children(pid).length, { interval: 1 }).toBe(1)
    for (const child of children(pid)) process.kill(child, 'SIGKILL')
    expect(await refreshed).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('its process ended with SIGKILL and no answer') as string,
    })
    expect((await machine.runAsync('getent passwd alice')).code).toBe(0)
    expect((await cli('status')).stdout).toContain('its process ended with SIGKILL')
    expect(machine.resolverLog().slice(before)).toContain('its process ended with SIGKILL')
    expect(await cli('refresh')).toMatchObject({ code: 0 })
    expect(await cli('status')).toMatchObject({ code: 0 })
    await expect.poll(() => children(pid)).toEqual([])
  })

  it('says within seconds that a resolver is stopped', async () => {
    machine.signalResolver('SIGSTOP')
    const startedAt = performance.now()
    const { code, stderr } = await cli('status')
    expect(performance.now() - startedAt).toBeLessThan(8_000)
    machine.signalResolver('SIGCONT')
    expect(code).toBe(3)
    expect(stderr).toMatch(/the resolver \(pid \d+\) is stopped .*\nhint: kill -CONT \d+, or/)
    expect(await cli('status')).toMatchObject({ code: 0 })
  })

  it('refuses a second resolver on the same socket', async () => {
    expect(await daemon(asUser)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another resolver answers') as string,
    })
    expect((await machine.runAsync('getent passwd alice')).code).toBe(0)
  })

  it('gives metrics', async () => {
    await machine.runAsync('getent passwd stranger')
    const { stdout } = await machine.runAsync(
      'python3 - <<E\nimport http.client,socket\nc=http.client.HTTPConnection("x")\nc.sock=socket.socket(socket.AF_UNIX)\nc.sock.connect("/run/iamlogin/control.sock")\nc.request("GET","/metrics")\nprint(c.getresponse().read().decode())\nE',
    )
    expect(stdout).toMatch(/^iamlogin_users 1$/m)
    expect(stdout).toContain('iamlogin_requests_total{op="PASSWD_BY_NAME",status="NOTFOUND"}')
  })
})

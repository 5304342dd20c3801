// iamlogind and iamlogin as an administrator meets them.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, startMachine, type Machine } from '../support/machine.ts'

const node = '/opt/iamlogin/node_modules/.bin/node'
const asUser = 'setpriv --reuid 900 --regid 900 --clear-groups'
const good =
  '[source]\nkind = "file"\npath = "/etc/iamlogin/directory.toml"\n[access]\ngroups = ["developers"]\n[audit]\njournal = false\n'

describe('iamlogind and iamlogin', () => {
  let machine: Machine
  const cli = (args: string) => machine.runAsync(`${node} /opt/iamlogin/dist/cli.js ${args}`)
  const daemon = (prefix: string) =>
    machine.runAsync(`${prefix} ${node} /opt/iamlogin/dist/daemon.js`)

  beforeAll(async () => {
    machine = await startMachine()
    machine.write(
      '/etc/iamlogin/directory.toml',
      '[[user]]\nname = "alice"\n[[user]]\nname = "root"\n[[group]]\nname = "developers"\nmembers = ["alice", "root"]\n',
    )
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

  it('says 3 when the resolver cannot be reached', async () => {
    expect(await cli('status')).toMatchObject({ code: 3, stdout: '' })
  })

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

  it('starts with damaged state, and says so', async () => {
    await machine.stopResolver()
    machine.write('/var/lib/iamlogin/directory.json', '{"version":1,"read')
    machine.write('/var/lib/iamlogin/keys.json', 'null')
    await machine.startResolver()
    expect(machine.resolverLog()).toContain('it is damaged or of another version')
    expect((await machine.runAsync('getent passwd alice')).code).toBe(0)
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

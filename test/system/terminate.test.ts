// The root helper alone, on a machine without logind: whom it ends, and whom it refuses to.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startMachine, type Machine } from '../support/machine.ts'

const [hers, his, locals] = [1_950_171_475, 1_950_171_476, 1_950_171_477]

describe('iamlogin-terminate', () => {
  let machine: Machine
  const children: ChildProcess[] = []

  /** A process of a uid that answers a line when it is up; all of the uid's together are bounded. */
  const runAs = async (uid: number, script: string): Promise<ChildProcess> => {
    const child = spawn(
      'prlimit',
      [
        ...['--nproc=200:200', 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
        ...['sh', '-c', `echo up; ${script}`],
      ],
      { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' },
    )
    children.push(child)
    await once(child.stdout, 'data')
    return child
  }
  const terminate = async (request: string): Promise<string> => {
    const child = spawn('chroot', [machine.root, '/usr/libexec/iamlogin/iamlogin-terminate'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.stdin.end(request)
    return text(child.stdout)
  }
  const isOver = (child: ChildProcess): boolean =>
    child.exitCode !== null || child.signalCode !== null

  beforeAll(async () => {
    machine = await startMachine()
    machine.run(
      `install -m 755 /opt/iamlogin/build/Release/iamlogin-terminate /usr/libexec/iamlogin/ &&
       echo 'local:x:${locals}:100::/:/bin/sh' >> /etc/passwd`,
    )
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })
  afterAll(() => machine.stop())

  it('ends who goes when told, and nobody else', async () => {
    const [one, two, other] = [
      await runAs(hers, 'exec sleep infinity'),
      await runAs(hers, 'exec sleep infinity'),
      await runAs(his, 'exec sleep infinity'),
    ]
    const ended = [once(one, 'exit'), once(two, 'exit')]
    expect(await terminate(`${hers}\n`)).toBe('ended 2\n')
    await Promise.all(ended)
    expect(isOver(other)).toBe(false)
  })

  it('ends who hears no signal, and who is stopped', async () => {
    const deaf = await runAs(hers, "trap '' HUP TERM; while :; do read -r line; done")
    const stopped = await runAs(hers, 'exec sleep infinity')
    stopped.kill('SIGSTOP')
    const ended = [once(deaf, 'exit'), once(stopped, 'exit')]
    expect(await terminate(`${hers}\n`)).toBe('ended 2\n')
    await Promise.all(ended)
    expect(deaf.signalCode).toBe('SIGKILL')
  })

  it('ends who starts anew whatever is ended', async () => {
    const family = await runAs(hers, 'while :; do sh -c "trap : HUP TERM; sleep infinity"; done')
    const ended = once(family, 'exit')
    expect(await terminate(`${hers}\n`)).toMatch(/^ended [1-9]\d*\n$/)
    await ended
    // Zombies, until somebody has looked at them.
    await vi.waitUntil(() => machine.run(`pgrep -u ${hers}`).stdout === '', { timeout: 10_000 })
  })

  it('ends who forks faster than one can look', async () => {
    const bomb = await runAs(hers, "trap '' HUP TERM; f() { f & f & wait; }; while :; do f; done")
    const ended = once(bomb, 'exit')
    expect(await terminate(`${hers}\n`)).toMatch(/^ended \d+\n$/)
    await ended
    // Zombies, until somebody has looked at them.
    await vi.waitUntil(() => machine.run(`pgrep -u ${hers}`).stdout === '', { timeout: 10_000 })
  })

  it('has nothing to do where nobody lives', async () => {
    expect(await terminate(`${hers}\n`)).toBe('ended 0\n')
  })

  it("refuses a local user's uid, whatever range it is in", async () => {
    const child = await runAs(locals, 'exec sleep infinity')
    expect(await terminate(`${locals}\n`)).toBe("refused: a local user's\n")
    expect(isOver(child)).toBe(false)
  })

  it.each([
    '0',
    '1',
    '999',
    '1000',
    '65535',
    '100000',
    '524288',
    '1879048191',
    '2147483648',
    '4294967295',
  ])('refuses uid %s, which is none of ours', async (uid) => {
    expect(await terminate(`${uid}\n`)).toBe("refused: not an id of iamlogin's\n")
  })

  it('goes by the range that root listed, and ends nobody by one that cannot be read', async () => {
    machine.run('mkdir -p /etc/iamlogin/root.d; echo 100000-2000000 > /etc/iamlogin/root.d/ids')
    expect(await terminate(`${hers}\n`)).toBe("refused: not an id of iamlogin's\n")
    expect(await terminate('100000\n')).toBe('ended 0\n')
    for (const flaw of ['100000', '2-1', 'all', '0-99999999999', '1-2x']) {
      machine.run(`echo '${flaw}' > /etc/iamlogin/root.d/ids`)
      expect(await terminate(`${hers}\n`)).toMatch(/^refused: \/etc\/iamlogin\/root\.d\/ids/)
    }
    machine.run('echo 0-4294967295 > /etc/iamlogin/root.d/ids; chmod 666 /etc/iamlogin/root.d/ids')
    expect(await terminate(`${hers}\n`)).toMatch(/^refused: \/etc\/iamlogin\/root\.d\/ids/)
    machine.run('rm /etc/iamlogin/root.d/ids')
  })

  it.each([
    '',
    '\n',
    'alice\n',
    '-1\n',
    ` ${hers}\n`,
    `${hers}`,
    `${hers}x\n`,
    '0x743d1213\n',
    '99999999999\n',
  ])('refuses %j, which is no uid', async (request) => {
    expect(await terminate(request)).toBe('refused: no uid\n')
  })
})

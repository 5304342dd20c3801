// The key command runs as the resolver's own user: whoever has taken that over must not reach into it,
// or it would print a key for root. From exec to its first instruction only its mode can see to that.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMachine, type Machine } from '../support/machine.ts'

const program = '/usr/libexec/iamlogin/iamlogin-authorized-keys'

/** As the user iamlogin: starts a program and tries to open its memory for writing. */
const intruder = `
import os, signal, sys
os.setgroups([]); os.setresgid(900, 900, 900); os.setresuid(900, 900, 900)
pid = os.posix_spawn(sys.argv[1], [sys.argv[1], 'infinity'], {})
try:
    os.close(os.open('/proc/%d/mem' % pid, os.O_RDWR))
    print('opened')
except OSError as error:
    print(error.strerror)
finally:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
`

describe('iamlogin-authorized-keys', () => {
  let machine: Machine

  beforeAll(async () => {
    machine = await startMachine()
    machine.write('/tmp/intruder.py', intruder)
  })
  afterAll(() => machine.stop())
  /** A program that does nothing to guard itself, with a mode. */
  const intrude = (mode: string) =>
    machine
      .run(`install -m ${mode} /bin/sleep /tmp/sleeper && python3 /tmp/intruder.py /tmp/sleeper`)
      .stdout.trim()

  it('is installed so that nobody reads it', () => {
    expect(machine.run(`stat -c %a ${program}`).stdout.trim()).toBe('711')
  })

  it('cannot be written into with that mode, whatever it does or does not do itself', () => {
    // The second where /proc hides what one may not look into.
    expect(['Permission denied', 'No such file or directory']).toContain(intrude('711'))
    expect(intrude('755')).toBe('opened')
  })

  it('runs for the user iamlogin all the same', () => {
    const as = 'setpriv --reuid 900 --regid 900 --clear-groups'
    expect(machine.run(`${as} ${program} --version`)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('iamlogin-authorized-keys') as string,
    })
  })
})

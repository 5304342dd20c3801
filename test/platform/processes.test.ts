// /proc as the kernel spells it, in a folder of the test's own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLiveUids } from '../../src/platform/processes.ts'

const nobodys = 4_294_967_295
const me = process.getuid?.() ?? 0
const alice = 1_900_000_001
let proc = ''

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'iamlogin-'))
})
afterEach(() => {
  rmSync(proc, { recursive: true })
})

type Process = {
  readonly real?: number
  readonly effective?: number
  readonly saved?: number
  readonly login?: number
  /** The number of the terminal; 0: none. */
  readonly terminal?: number
  readonly name?: string
}

/** Lays down /proc/PID of a process of root's that nobody logged in for, unless told otherwise. */
function runs(pid: number, process: Process = {}): string {
  const { real = 0, effective = 0, saved = 0, login = nobodys, terminal = 0 } = process
  const { name = 'sleep' } = process
  const folder = join(proc, String(pid))
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'status'),
    `Name:\t${name}\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t${pid}\n` +
      `Uid:\t${real}\t${effective}\t${saved}\t${effective}\nGid:\t0\t0\t0\t0\n`,
  )
  writeFileSync(join(folder, 'loginuid'), String(login))
  writeFileSync(join(folder, 'stat'), `${pid} (${name}) S 1 ${pid} ${pid} ${terminal} -1 0 0\n`)
  return folder
}

describe('readLiveUids', () => {
  it.each<readonly [string, Process]>([
    ['runs as the uid', { real: alice, effective: alice, saved: alice }],
    ['is a setuid program that the uid started', { real: alice, effective: 0, saved: 0 }],
    ['acts as the uid for a moment', { real: 0, effective: alice, saved: 0 }],
    ['can become the uid again', { real: 0, effective: 0, saved: alice }],
    ['is what the uid became by sudo, on its terminal', { login: alice, terminal: 34_816 }],
    [
      'has a name that looks like more of /proc/PID/stat',
      { login: alice, terminal: 34_816, name: 'a) S 1 1 1 0 (b' },
    ],
  ])('finds a process that %s', async (_what, process) => {
    runs(1)
    runs(4711, process)
    expect(await readLiveUids(proc)).toEqual(new Set([me, 0, alice]))
  })

  it('leaves out what left the terminal of the login: nobody ends that', async () => {
    runs(4711, { login: alice, terminal: 0 })
    expect(await readLiveUids(proc)).toEqual(new Set([me, 0]))
  })

  it('takes no login for one', async () => {
    runs(4711, { login: nobodys, terminal: 34_816 })
    expect(await readLiveUids(proc)).toEqual(new Set([me, 0]))
  })

  it('looks at processes alone', async () => {
    writeFileSync(join(proc, 'uptime'), '1 1\n')
    mkdirSync(join(proc, 'self'))
    expect(await readLiveUids(proc)).toEqual(new Set())
  })

  it.each([
    [
      'that ended while it was looked at',
      (folder: string) => {
        rmSync(folder, { recursive: true })
      },
    ],
    [
      'whose files are gone already',
      (folder: string) => {
        rmSync(join(folder, 'stat'))
      },
    ],
    [
      'of a kernel without loginuid',
      (folder: string) => {
        rmSync(join(folder, 'loginuid'))
      },
    ],
    [
      'that tells no uid',
      (folder: string) => {
        writeFileSync(join(folder, 'status'), '')
      },
    ],
  ])('goes on after a process %s', async (_what, spoil) => {
    runs(4712, { real: alice })
    spoil(runs(4711))
    expect(await readLiveUids(proc)).toContain(alice)
  })

  it('knows the owner of a process that shows no more, as with hidepid=1', async () => {
    rmSync(join(runs(4711), 'status'))
    expect(await readLiveUids(proc)).toEqual(new Set([me]))
  })

  it.runIf(me === 0)('sees in the real /proc a setuid program by who started it', async () => {
    // A uid that nobody has: 0 acts, 1950171475 started it.
    const program =
      'import os,sys; os.setresuid(1950171475,0,0); print(flush=True); sys.stdin.read()'
    const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(await readLiveUids()).toContain(1_950_171_475)
    child.stdin.end()
    await once(child, 'exit')
    expect(await readLiveUids()).not.toContain(1_950_171_475)
  })
})

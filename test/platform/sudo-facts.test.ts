// The sudo of a host is found through alternatives, as Ubuntu 25.10 has them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sudoFacts } from '../../src/platform/sudo-facts.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iamlogin-sudo-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})
function put(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  symlinkSync(join(root, target), join(root, path))
}

describe('sudoFacts', () => {
  it('knows a host without sudo', () => {
    expect(sudoFacts(root)).toEqual({ kinds: new Set(), sudoers: undefined, sudoConf: '' })
  })

  it('knows Debian 13 with the package sudo-rs beside sudo', () => {
    put('/usr/bin/sudo')
    put('/usr/bin/sudo-rs')
    expect(sudoFacts(root).kinds).toEqual(new Set(['sudo', 'sudo-rs']))
  })

  it('follows the alternative to sudo-rs', () => {
    put('/usr/lib/cargo/bin/sudo')
    link('/etc/alternatives/sudo', '/usr/lib/cargo/bin/sudo')
    link('/usr/bin/sudo', '/etc/alternatives/sudo')
    expect(sudoFacts(root).kinds).toEqual(new Set(['sudo-rs']))
  })

  it('reads our file and sudo.conf', () => {
    put('/etc/sudoers.d/iamlogin', 'ours\n')
    put('/etc/sudo.conf', 'theirs\n')
    expect(sudoFacts(root)).toMatchObject({ sudoers: 'ours\n', sudoConf: 'theirs\n' })
  })
})

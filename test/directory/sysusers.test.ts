// sysusers.d(5): the names that packages have made, or will make, the system's.
import { describe, expect, it } from 'vitest'
import { parseSysusers } from '../../src/directory/sysusers.ts'

const read = (text: string): readonly string[] => [
  ...parseSysusers([{ path: '/usr/lib/sysusers.d/a.conf', text }]).keys(),
]

describe('parseSysusers', () => {
  it.each([
    ['u mysql - "MySQL server" /var/lib/mysql', ['mysql']],
    ['u! locked 55 -', ['locked']],
    ['g audio 29 -', ['audio']],
    ['m backup tape', ['backup', 'tape']],
    ['  u\tdeep\t-', ['deep']],
    ['u "quoted" -', ['quoted']],
    ["u 'single' -", ['single']],
    ['u Debian-exim -', ['debian-exim']],
    ['u bare', ['bare']],
    ['r - 500-900', []],
    ['# u hidden -', []],
    ['u user-%b -', []],
    ['m alone', ['alone']],
    ['user -', []],
    ['ug both -', []],
    ['', []],
  ])('%j names %j', (line, names) => {
    expect(read(`${line}\n`)).toEqual(names)
  })

  it('names the file that says so first', () => {
    const names = parseSysusers([
      { path: '/etc/sysusers.d/a.conf', text: 'u mysql -\nu mysql 5\n' },
      { path: '/usr/lib/sysusers.d/b.conf', text: 'g mysql -\ng redis -\n' },
    ])
    expect([...names]).toEqual([
      ['mysql', '/etc/sysusers.d/a.conf'],
      ['redis', '/usr/lib/sysusers.d/b.conf'],
    ])
  })
})

// Which sudoers file a host gets, and what is told of the one it has.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judgeSudoers, sudoersFor, sudoKindOf, type SudoKind } from '../../src/setup/sudoers.ts'

const packaged = (name: string): string =>
  readFileSync(resolve(import.meta.dirname, '../../packaging/sudoers', name), 'utf8')
const set = (...kinds: readonly SudoKind[]): ReadonlySet<SudoKind> => new Set(kinds)

describe('sudoKindOf', () => {
  it.each([
    ['/usr/bin/sudo', 'sudo'],
    ['/usr/bin/sudo.ws', 'sudo'],
    ['/usr/bin/sudo-rs', 'sudo-rs'],
    ['/usr/lib/cargo/bin/sudo', 'sudo-rs'],
  ] as const)('takes %s for %s', (path, kind) => {
    expect(sudoKindOf(path)).toBe(kind)
  })
})

describe('judgeSudoers', () => {
  it.each([
    ['sudo', set('sudo'), 'iamlogin'],
    ['sudo-rs', set('sudo-rs'), 'iamlogin-sudo-rs'],
    ['both', set('sudo', 'sudo-rs'), 'iamlogin-sudo-rs'],
    ['none', set(), 'iamlogin'],
  ] as const)('finds nothing wrong where %s has the file that is for it', (_, kinds, file) => {
    expect(sudoersFor(kinds)).toBe(file)
    const sudoConf = kinds.size === 2 ? 'Set group_source dynamic\n' : ''
    expect(judgeSudoers({ kinds, sudoers: packaged(file), sudoConf })).toBeUndefined()
  })

  it.each([set('sudo-rs'), set('sudo', 'sudo-rs')])('refuses the plugin for sudo-rs', (kinds) => {
    const told = judgeSudoers({ kinds, sudoers: packaged('iamlogin'), sudoConf: '' })
    expect(told).toContain('refuses "Defaults group_plugin"')
    expect(told).toContain('packaging/sudoers/iamlogin-sudo-rs')
  })

  it('refuses "%:" for sudo-rs, which ignores it', () => {
    const sudoers = '%:iamlogin-sudo ALL=(ALL:ALL) NOPASSWD: ALL\n'
    expect(judgeSudoers({ kinds: set('sudo-rs'), sudoers, sudoConf: '' })).toContain('ignores "%:"')
  })

  it.each(['', '# Set group_source dynamic\n', 'Set group_source static\n'])(
    'says that sudo goes by the groups of the session with %j in sudo.conf',
    (sudoConf) => {
      const kinds = set('sudo', 'sudo-rs')
      const told = judgeSudoers({ kinds, sudoers: packaged('iamlogin-sudo-rs'), sudoConf })
      expect(told).toContain('add "Set group_source dynamic" to /etc/sudo.conf')
    },
  )

  it('says nothing of a file that is not there or that it may not read', () => {
    expect(
      judgeSudoers({ kinds: set('sudo-rs'), sudoers: undefined, sudoConf: '' }),
    ).toBeUndefined()
  })
})

// Which sudoers file a host gets, and what is told of the one it has.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  editSudoConf,
  judgeSudoers,
  sudoersFor,
  sudoKindOf,
  type SudoKind,
} from '../../src/setup/sudoers.ts'

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

describe('editSudoConf', () => {
  const both = set('sudo', 'sudo-rs')
  const ours =
    "# Of iamlogin: ask for a user's groups at each call; the session's are those of its beginning.\nSet group_source dynamic\n"

  it.each([
    ['no file', '', ours],
    ['a comment alone', '#Set group_source static\n', `#Set group_source static\n\n${ours}`],
    ['another setting', 'Set probe_interfaces false\n', `Set probe_interfaces false\n\n${ours}`],
    ['no newline at its end', 'Set max_groups 9', `Set max_groups 9\n\n${ours}`],
    ['a continued last line', 'Plugin a \\\n', `Plugin a \\\n\n${ours}`],
  ])('sets it where sudo goes by names, after %s', (_, before, after) => {
    const edit = editSudoConf(both, before)
    expect(edit).toEqual({ text: after, kept: undefined })
    expect(editSudoConf(both, edit.text)).toEqual(edit)
    const sudoers = packaged('iamlogin-sudo-rs')
    expect(judgeSudoers({ kinds: both, sudoers, sudoConf: after })).toBeUndefined()
  })

  it.each([
    ['Set group_source static\n', 'static'],
    ['  set  group_source\tAdaptive # of this host\n', 'adaptive'],
    ['Set group_source dynamic\nSet group_source static\n', 'static'],
    ['Set \\\n group_source static', 'static'],
    ['Set group_source never\n', 'never'],
  ])('leaves the setting of %j alone, and says what it is', (text, kept) => {
    expect(editSudoConf(both, text)).toEqual({ text, kept })
  })

  it.each([
    'Set group_source DYNAMIC\n',
    'Set group_source static\nSet group_source dynamic # now\n',
  ])('has nothing to do or to say with %j', (text) => {
    expect(editSudoConf(both, text)).toEqual({ text, kept: undefined })
    const sudoers = packaged('iamlogin-sudo-rs')
    expect(judgeSudoers({ kinds: both, sudoers, sudoConf: text })).toBeUndefined()
  })

  it.each([set('sudo'), set('sudo-rs'), set()])('edits nothing where it has no effect', (kinds) => {
    const text = 'Set group_source static\n'
    expect(editSudoConf(kinds, text)).toEqual({ text, kept: undefined })
    expect(editSudoConf(kinds, '')).toEqual({ text: '', kept: undefined })
  })
})

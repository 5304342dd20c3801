// Homes are directly below root's folder, shells are this host's, whatever a tag says.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseHome, chooseShell, homeFolder } from '../../src/directory/home.ts'

const rules = { home: '/home/iam/%u', shell: '/bin/bash' }
const home = (dir: string | undefined, isOthers: (name: string) => boolean = () => false) =>
  chooseHome('alice', dir === undefined ? undefined : { dir }, { rules, isOthers })
const shells = new Set(['/bin/sh', '/bin/bash', '/bin/zsh'])

describe('homeFolder', () => {
  it.each([
    ['/home/%u', '/home'],
    ['/srv/people/p-%u', '/srv/people'],
  ])('of %s is %s', (pattern, folder) => {
    expect(homeFolder(pattern)).toBe(folder)
  })
})

describe('chooseHome', () => {
  it('is of the pattern where the source says nothing, or the same', () => {
    expect(home(undefined)).toEqual({ value: '/home/iam/alice' })
    expect(home('/home/iam/alice')).toEqual({ value: '/home/iam/alice' })
    expect(
      chooseHome('a', undefined, { rules: { home: '/h/%u-%u' }, isOthers: () => true }),
    ).toEqual({
      value: '/h/a-a',
    })
  })

  it('may have another name in the same folder', () => {
    expect(home('/home/iam/Alice_2.old-x')).toEqual({ value: '/home/iam/Alice_2.old-x' })
  })

  it.each([
    '/etc/systemd/system/cron.service.d',
    '/home/alice',
    '/home/iam',
    '/home/iam/',
    '/home/iam/.',
    '/home/iam/..',
    '/home/iam/.ssh',
    '/home/iam/-rf',
    '/home/iam/a/b',
    '/home/iam/a/',
    '/home/iam//a',
    '/home/iamalice',
    '/home/iam/a b',
    '/home/iam/a:b',
    '/home/iam/a\n',
    '/home/iam/ä',
    `/home/iam/${'a'.repeat(256)}`,
    'home/iam/alice2',
    'x/home/iam/alice2',
    '',
  ])('is the own one where the source says %j', (dir) => {
    const { value, refused } = home(dir)
    expect(value).toBe('/home/iam/alice')
    expect(refused).toContain(`home "${dir}" is not directly below /home/iam,`)
    expect(refused).toContain('the home is /home/iam/alice')
  })

  it("is never another account's", () => {
    const { value, refused } = home('/home/iam/bob', (name) => name === 'bob')
    expect(value).toBe('/home/iam/alice')
    expect(refused).toContain('"/home/iam/bob" is named for another account')
  })

  it('is one plain component below the folder, whatever the source says', () => {
    const wild = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((text) => `/home/iam/${text}`),
      fc.stringMatching(/^\/home\/iam\/[./a-z-]{0,8}$/),
    )
    fc.assert(
      fc.property(wild, (dir) => {
        expect(home(dir).value).toMatch(/^\/home\/iam\/[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
      }),
    )
  })
})

describe('chooseShell', () => {
  it.each([
    [undefined, '/bin/bash'],
    ['/bin/zsh', '/bin/zsh'],
    ['/bin/sh', '/bin/sh'],
    ['/usr/sbin/nologin', '/usr/sbin/nologin'],
    ['/sbin/nologin', '/sbin/nologin'],
    ['/bin/false', '/bin/false'],
    ['/usr/bin/false', '/usr/bin/false'],
  ])('of %j is %s', (shell, value) => {
    expect(chooseShell(shell === undefined ? undefined : { shell }, rules, shells)).toEqual({
      value,
    })
  })

  it.each(['/bin/fish', 'zsh', '', '/tmp/evil', '/bin/zsh -c'])(
    'of %j is /bin/sh, and told',
    (shell) => {
      const chosen = chooseShell({ shell }, rules, shells)
      expect(chosen.value).toBe('/bin/sh')
      expect(chosen.refused).toContain(`shell "${shell}" is not in /etc/shells`)
    },
  )

  it('is /bin/sh where the shell of the configuration is not here', () => {
    expect(chooseShell(undefined, rules, new Set()).value).toBe('/bin/sh')
  })
})

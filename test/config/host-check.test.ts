// What this host lacks of what the configuration names: told with the place and the fix.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findOnHost, type FileFacts, type HostFacts } from '../../src/config/host-check.ts'
import { loadConfig } from '../../src/config/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'iamlogin-host-'))
const file = join(folder, 'iamlogin.toml')
mkdirSync(join(folder, 'conf.d'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const open: FileFacts = { mode: 0o755, uid: 0, gid: 0 }
const aHost = (facts: Partial<HostFacts> = {}): HostFacts => ({
  users: new Set(['root', 'ec2-user']),
  groups: new Set(['root', 'docker']),
  isShell: () => true,
  resolver: { uid: 900, gid: 901 },
  stat: () => open,
  sudo: { kinds: new Set(['sudo']), sudoers: undefined, sudoConf: '' },
  sssd: [],
  rootLists: '/etc/iamlogin/root.d',
  ...facts,
})
const closed = (path: string, facts: FileFacts) =>
  aHost({ stat: (each) => (each === path ? facts : open) })

function find(text: string, host: HostFacts) {
  writeFileSync(file, text)
  return findOnHost(loadConfig(file), host)
}
const good = '[access]\ngroups = ["developers"]\n'

describe('findOnHost', () => {
  it('finds nothing where all is there', () => {
    const text = `${good}local_groups = ["docker"]\nshared_accounts = { "ec2-user" = ["ops"] }\n`
    expect(find(text, aHost())).toEqual([])
  })

  it.each([
    ['local_groups = ["dokcer"]', 'access.local_groups: this host has no group "dokcer"'],
    ['shared_accounts = { "ec2-usr" = ["ops"] }', 'this host has no user "ec2-usr"'],
  ])('warns of %s with file, line and fix', (line, told) => {
    const [finding, ...more] = find(`${good}${line}\n`, aHost())
    expect(more).toEqual([])
    expect(finding).toMatchObject({ level: 'warning' })
    expect(finding?.message).toMatch(new RegExp(`^${file}:3: `))
    expect(finding?.message).toContain(told)
    expect(finding?.message).toContain('or remove it')
  })

  it('warns of a region that AWS may not have, and takes it: a new one is not known here', () => {
    const text = `${good}[source]\nregion = "eu-wst-1"\n[notify]\nsns_topic = "arn:aws:sns:us-eest-2:123456789012:x"\n`
    const told = find(text, aHost())
    expect(told.map(({ level }) => level)).toEqual(['warning', 'warning'])
    expect(told[0]?.message).toMatch(
      new RegExp(`^${file}:4: source.region: .*no AWS region "eu-wst-1".*"eu-west-1"`),
    )
    expect(told[1]?.message).toMatch(/:6: notify.sns_topic: .*"us-eest-2".*"us-east-2"/)
    expect(find(text.replace('wst', 'west').replace('eest', 'east'), aHost())).toEqual([])
  })

  it("refuses a folder of root's lists that not every process can enter, with the fix", () => {
    const host = closed('/etc/iamlogin', { mode: 0o750, uid: 0, gid: 901 })
    expect(find(good, host)).toEqual([
      {
        level: 'error',
        message: expect.stringMatching(
          /^\/etc\/iamlogin: every process must .*: chmod o\+x \/etc\/iamlogin$/,
        ) as string,
      },
    ])
  })

  it('warns of a shell that this host does not have', () => {
    const text = `${good}[accounts]\nshell = "/bin/zsh"\n`
    const isShell = (path: string) => path !== '/bin/zsh'
    expect(find(text, aHost({ isShell }))[0]?.message).toMatch(/:4: accounts.shell: "\/bin\/zsh"/)
  })

  it('warns of ids that containers are given', () => {
    const [finding, ...more] = find(`${good}[ids]\nmin = 1000000\nmax = 2999999\n`, aHost())
    expect(more).toEqual([])
    expect(finding).toMatchObject({ level: 'warning' })
    expect(finding?.message).toMatch(/:4: ids.min: 1000000..2999999 is also given to containers/)
    expect(find(`${good}[ids]\nmin = 1879048192\n`, aHost())).toEqual([])
  })

  it('warns of a sudoers file that the sudo of this host refuses', () => {
    const sudoers = 'Defaults group_plugin="system_group.so"\n'
    const host = aHost({ sudo: { kinds: new Set(['sudo-rs']), sudoers, sudoConf: '' } })
    const [finding, ...more] = find(good, host)
    expect(more).toEqual([])
    expect(finding).toMatchObject({ level: 'warning' })
    expect(finding?.message).toMatch(/^\/etc\/sudoers.d\/iamlogin: sudo-rs is installed here/)
  })

  it.each([
    ['others lack the bit', { mode: 0o100600, uid: 0, gid: 0 }],
    ['its own group lacks the bit', { mode: 0o100604, uid: 0, gid: 901 }],
    ['the owner lacks the bit', { mode: 0o100044, uid: 900, gid: 901 }],
  ])('refuses a file that the resolver cannot read, for %s', (_why, facts) => {
    const [finding] = find(good, closed(file, facts))
    expect(finding?.level).toBe('error')
    expect(finding?.message).toContain(`${file}: the user iamlogin may not read this file`)
  })

  it.each([
    ['others may', { mode: 0o100644, uid: 0, gid: 0 }],
    ['its group may', { mode: 0o100640, uid: 0, gid: 901 }],
    ['it owns it', { mode: 0o100400, uid: 900, gid: 0 }],
  ])('takes a file that the resolver can read, for %s', (_why, facts) => {
    expect(find(good, closed(file, facts))).toEqual([])
  })

  it('refuses a folder that the resolver cannot enter', () => {
    const [finding] = find(good, closed(folder, { mode: 0o40700, uid: 0, gid: 0 }))
    expect(finding?.message).toContain(`${folder}: the user iamlogin may not enter this folder`)
  })

  it('looks at the directory file of source file as well', () => {
    const text = `${good}[source]\nkind = "file"\npath = "/srv/people.toml"\n`
    const found = find(text, closed('/srv/people.toml', { mode: 0o100600, uid: 0, gid: 0 }))
    expect(found[0]?.message).toContain('/srv/people.toml')
  })

  it('says nothing of modes on a host without the user iamlogin', () => {
    const host = aHost({ resolver: undefined, stat: () => ({ mode: 0, uid: 0, gid: 0 }) })
    expect(find(good, host)).toEqual([])
  })

  it('tells a file in conf.d that is not read, and no hidden file or copy', () => {
    for (const name of ['10-ops.conf', '20-more.toml', '.swap', '20-more.toml~'])
      writeFileSync(join(folder, 'conf.d', name), '')
    const found = find(good, aHost())
    expect(found.map(({ message }) => message)).toEqual([
      `${join(folder, 'conf.d/10-ops.conf')}: not read, for its name does not end in .toml: rename it, or move it away`,
    ])
  })
})

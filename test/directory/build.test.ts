import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildDirectory } from '../../src/directory/build.ts'
import { fnv1a, isForbiddenId } from '../../src/directory/ids.ts'
import { parseLocalAccounts } from '../../src/directory/local.ts'
import type { HostAccounts, SourceUser } from '../../src/directory/types.ts'
import { aSource, aUser, noLocal, noPins, someRules } from '../support/builders.ts'
import { viewOf } from '../support/view.ts'

const build = (
  users: readonly SourceUser[],
  more: Partial<Parameters<typeof buildDirectory>[0]> = {},
) =>
  buildDirectory({
    source: aSource(users),
    rules: someRules(),
    local: noLocal,
    pins: noPins,
    ...more,
  })

const people = fc.uniqueArray(
  fc
    .record({ name: fc.stringMatching(/^[\w+=,.@-]{1,40}$/), createdAt: fc.nat(5) })
    .map((fields) => aUser(fields)),
  { selector: (user) => user.id, maxLength: 40 },
)

describe('buildDirectory', () => {
  it('gives the same directory for the same people in any order', () => {
    fc.assert(
      fc.property(people, fc.integer(), (users, seed) => {
        const shuffled = users.toSorted(
          (a, b) => fnv1a(a.id + String(seed)) - fnv1a(b.id + String(seed)),
        )
        const directory = build(users)
        const again = build(shuffled, {
          source: { ...aSource(shuffled), groups: aSource(users).groups },
        })
        expect(again.accounts).toEqual(directory.accounts)
        expect(again.groups).toEqual(directory.groups)
      }),
    )
  })

  it('gives each a unique name and id in the range, never root, never a local one', () => {
    const local = {
      ...noLocal,
      ...parseLocalAccounts(
        'root:x:0:0::/:/bin/sh\na:x:1900000000:1::/:/bin/sh\n',
        'b:x:1900000001:\n',
      ),
    }
    fc.assert(
      fc.property(people, (users) => {
        const { accounts, groups } = build(users, {
          local,
          rules: someRules({ ids: { min: 1900000000, max: 1900000200 } }),
        })
        const uids = accounts.map(({ passwd }) => passwd.uid)
        const gids = groups.map((group) => group.gid)
        expect(new Set(uids).size).toBe(uids.length)
        expect(new Set(gids).size).toBe(gids.length)
        for (const id of [...uids, ...gids]) {
          expect(isForbiddenId(id)).toBe(false)
          expect(id).toBeGreaterThan(1900000001)
          expect(id).toBeLessThanOrEqual(1900000200)
        }
        for (const { passwd } of accounts) expect(['root', 'a', 'b']).not.toContain(passwd.name)
      }),
    )
  })

  it('never moves anyone when a newcomer arrives', () => {
    fc.assert(
      fc.property(people, (users) => {
        const rules = someRules({ ids: { min: 1900000000, max: 1900000100 } })
        const before = build(users, { rules })
        const newcomer = aUser({ name: 'newcomer', createdAt: 99 })
        const after = build([...users, newcomer], { rules, pins: before.pins })
        for (const { user, passwd } of before.accounts)
          expect(after.accounts.find((each) => each.user.id === user.id)?.passwd).toEqual(passwd)
      }),
    )
  })

  it('gives a name that two people claim to the older, and tells the younger', () => {
    const older = aUser({ name: 'Alice', createdAt: 1, id: 'AIDA2' })
    const younger = aUser({ name: 'alice', createdAt: 2, id: 'AIDA1' })
    const { accounts, refused } = build([younger, older])
    expect(accounts.map(({ user }) => user.id)).toEqual(['AIDA2'])
    expect(refused).toMatchObject([{ id: 'AIDA1', code: 'name-clash' }])
    expect(refused[0]?.reason).toContain('Alice')
  })

  it('leaves the name of an older group with its members, and refuses the person truly', () => {
    const alice = aUser({ name: 'alice' })
    const newcomer = aUser({ name: 'ops', createdAt: Date.UTC(2026, 1) })
    const source = aSource([alice, newcomer], { developers: ['alice', 'ops'], ops: ['alice'] })
    const groups = source.groups.map((group) => ({ ...group, createdAt: Date.UTC(2019, 1) }))
    const directory = build([], {
      source: { ...source, groups },
      rules: someRules({ groups: ['developers', 'ops'] }),
    })
    const index = viewOf(directory)
    expect(index.groupByName('ops')?.members).toEqual(['alice'])
    expect(index.accountByName('ops')).toBeUndefined()
    expect(directory.refused).toEqual([
      {
        kind: 'user',
        id: 'AIDAops',
        name: 'ops',
        code: 'name-clash',
        reason:
          '"ops" is the name of group ops (AGPAops, created 2019-02-01T00:00:00.000Z), which is older than this user (created 2026-02-01T00:00:00.000Z)',
        ownerId: 'AGPAops',
      },
    ])
  })

  it('refuses a newer group the name of an older person, in any case', () => {
    const ops = aUser({ name: 'Ops', createdAt: 1 })
    const source = aSource([ops], { developers: ['Ops'], OPS: ['Ops'] })
    const groups = source.groups.map((group) => ({ ...group, createdAt: 2 }))
    const { accounts, refused } = build([], {
      source: { ...source, groups },
      rules: someRules({ groups: ['developers', 'OPS'], nameCase: 'preserve' }),
    })
    expect(accounts.map(({ passwd }) => passwd.name)).toEqual(['Ops'])
    expect(refused).toMatchObject([{ kind: 'group', name: 'OPS', code: 'name-clash' }])
    expect(refused[0]?.reason).toContain('which is older than this group')
  })

  it('gives the name to the group before the user, and to the smaller id, where both are of one age', () => {
    const users = [
      aUser({ name: 'ops', createdAt: 0, id: 'A' }),
      aUser({ name: 'bob', createdAt: 0, id: 'B' }),
      aUser({ name: 'Bob', createdAt: 0, id: 'C' }),
    ]
    const source = aSource(users, { developers: ['ops', 'bob', 'Bob'], ops: [] })
    const groups = source.groups.map((group) => ({ ...group, createdAt: 0 }))
    const { refused } = build([], {
      source: { ...source, groups },
      rules: someRules({ groups: ['developers', 'ops'] }),
    })
    expect(refused.map(({ id, reason }) => [id, reason])).toEqual([
      [
        'A',
        '"ops" is the name of group ops (AGPAops, without a date), which goes before a user; both are of one age',
      ],
      [
        'C',
        '"bob" is the name of user bob (B, without a date), which has the smaller id; both are of one age',
      ],
    ])
  })

  it("refuses names that are the system's here, and says by what", () => {
    const names = ['mysql', 'Backup-Job', 'jenkins', 'bob', 'alice', 'deploy', 'wheelers']
    const users = names.map((name) => aUser({ name }))
    const { accounts, refused } = build(users, {
      local: {
        ...noLocal,
        users: new Map([['deploy', 1000]]),
        groups: new Map([['wheelers', 1001]]),
        sysusers: new Map([['backup-job', '/usr/lib/sysusers.d/backup.conf']]),
      },
      rules: someRules({ reservedNames: ['BOB'] }),
    })
    expect(accounts.map(({ passwd }) => passwd.name)).toEqual(['alice'])
    const told = Object.fromEntries(refused.map(({ name, code, reason }) => [name, [code, reason]]))
    expect(told).toEqual({
      mysql: [
        'name-reserved',
        '"mysql" is the usual name of a service or an image, whose package may need it: rename it in the source',
      ],
      jenkins: ['name-reserved', expect.stringContaining('usual name of a service') as string],
      'Backup-Job': [
        'name-reserved',
        '"backup-job" is a user or group of the system by /usr/lib/sysusers.d/backup.conf: rename it in the source',
      ],
      bob: ['name-reserved', '"bob" is in names.reserved: rename it in the source'],
      deploy: ['name-local', '"deploy" is in /etc/passwd, which is never shadowed'],
      wheelers: ['name-local', '"wheelers" is in /etc/group, which is never shadowed'],
    })
  })

  it('tells a home and a shell that are not given, and gives its own', () => {
    const users = [
      aUser({ name: 'alice', overrides: { dir: '/etc/systemd/system/cron.service.d' } }),
      aUser({ name: 'bob', overrides: { shell: '/bin/fish', dir: '/home/Alice' } }),
      aUser({ name: 'carol', overrides: { dir: '/home/root' } }),
      aUser({ name: 'dave', overrides: { dir: '/home/dave2', shell: '/bin/zsh' } }),
      aUser({ name: 'erin', overrides: { dir: '/home/ERIN' } }),
    ]
    const { accounts, notices } = build(users)
    expect(accounts.map(({ passwd }) => [passwd.dir, passwd.shell])).toEqual([
      ['/home/alice', '/bin/bash'],
      ['/home/bob', '/bin/sh'],
      ['/home/carol', '/bin/bash'],
      ['/home/dave2', '/bin/zsh'],
      ['/home/ERIN', '/bin/bash'],
    ])
    expect(notices.map(({ kind, id, name, code }) => [kind, id, name, code])).toEqual([
      ['user', 'AIDAalice', 'alice', 'home-refused'],
      ['user', 'AIDAbob', 'bob', 'home-refused'],
      ['user', 'AIDAbob', 'bob', 'shell-refused'],
      ['user', 'AIDAcarol', 'carol', 'home-refused'],
    ])
  })

  it('gives nobody a home in which a local user lives, and tells who does', () => {
    const local: HostAccounts = {
      ...noLocal,
      users: new Map([...noLocal.users, ['deploy', 1001]]),
      groups: new Map([...noLocal.groups, ['docker', 998]]),
      homes: new Map([
        ['/home/alice', 'deploy'],
        ['/home//data/www', 'deploy'],
        ['/srv/bob', 'deploy'],
      ]),
    }
    const users = [
      aUser({ name: 'alice' }),
      aUser({ name: 'bob', overrides: { dir: '/home/data' } }),
      aUser({ name: 'carol', overrides: { dir: '/home/docker' } }),
      aUser({ name: 'data', overrides: { dir: '/home/carols' } }),
    ]
    const source = aSource(users)
    const { accounts, notices, pins } = buildDirectory({
      source,
      rules: someRules(),
      local,
      pins: noPins,
    })
    const uid = accounts[0]?.passwd.uid ?? 0
    expect(accounts.map(({ passwd }) => passwd.dir)).toEqual([
      `/home/alice-${uid}`,
      '/home/bob',
      '/home/carol',
      '/home/carols',
    ])
    expect(notices.map(({ code, name, reason }) => [code, name, reason])).toEqual([
      [
        'home-refused',
        'alice',
        `home "/home/alice" is the home of the local user deploy, or holds it; the home is /home/alice-${uid} (fix: another home for deploy: usermod -d)`,
      ],
      [
        'home-refused',
        'bob',
        'home "/home/data" is the home of the local user deploy, or holds it; the home is /home/bob (fix: another home for deploy: usermod -d)',
      ],
      [
        'home-refused',
        'carol',
        'home "/home/docker" is named for another account; the home is /home/carol',
      ],
    ])
    // The same home again, once it is given, and told as long as it is so.
    const again = buildDirectory({ source, rules: someRules(), local, pins })
    expect(again.accounts).toEqual(accounts)
    expect(again.notices).toEqual(notices)
    const left = buildDirectory({ source, rules: someRules(), local: noLocal, pins })
    expect(left.accounts[0]?.passwd.dir).toBe(`/home/alice-${uid}`)
    expect(left.notices.map(({ name }) => name)).toEqual(['bob'])
  })

  it('drops ids of before that may not be given, and tells whose they were', () => {
    const source = aSource([aUser({ name: 'alice' }), aUser({ name: 'bob' })])
    const pins = {
      uids: { AIDAalice: 2_147_352_600, AIDAbob: 1_900_000_000, AIDAgone: 5 },
      gids: { AGPAdevelopers: 65_000 },
    }
    const { accounts, notices, groups } = build([], { source, pins })
    expect(accounts.map(({ passwd }) => passwd.uid)[1]).toBe(1_900_000_000)
    for (const id of groups.map(({ gid }) => gid)) expect(isForbiddenId(id)).toBe(false)
    expect(notices.map(({ kind, name, code }) => [kind, name, code])).toEqual([
      ['user', 'alice', 'id-moved'],
      ['group', 'developers', 'id-moved'],
    ])
    expect(notices[0]?.reason).toContain('the uid 2147352600 of before')
    expect(notices[1]?.reason).toContain('find / -xdev -gid 65000')
  })

  it('does not give a re-created name the uid of the person before', () => {
    const [before] = build([aUser({ name: 'alice', id: 'AIDAOLD' })]).accounts
    const [after] = build([aUser({ name: 'alice', id: 'AIDANEW' })]).accounts
    expect(after?.passwd.uid).not.toBe(before?.passwd.uid)
  })

  describe('a uid tag that names an id of another record', () => {
    const alice = aUser({ name: 'alice', createdAt: 2 })
    const tagged = (uid: number) => aUser({ name: 'mallory', createdAt: 1, overrides: { uid } })
    const refusalOf = (directory: ReturnType<typeof build>) =>
      directory.refused.find(({ name }) => name === 'mallory')?.code

    it.each(['known here', 'never seen here'])('takes no uid of a user (%s)', (seen) => {
      const before = build([alice])
      const uid = before.accounts[0]?.passwd.uid ?? 0
      const { pins } = seen === 'known here' ? before : { pins: noPins }
      const after = build([tagged(uid), alice], { pins })
      expect(refusalOf(after)).toBe('id-clash')
      expect(after.accounts.map(({ passwd }) => [passwd.name, passwd.uid])).toEqual([
        ['alice', uid],
      ])
    })

    it('takes no gid of a group', () => {
      const gid = build([alice]).groups.find(({ name }) => name === 'developers')?.gid ?? 0
      expect(gid).not.toBe(0)
      const after = build([tagged(gid), alice])
      expect(refusalOf(after)).toBe('id-clash')
      expect(after.groups.find(({ name }) => name === 'developers')?.gid).toBe(gid)
    })

    it('takes no uid that another tag was given here before', () => {
      const bob = aUser({ name: 'bob', createdAt: 2, overrides: { uid: 1_900_000_000 } })
      const { pins } = build([bob])
      const after = build([tagged(1_900_000_000), bob], { pins })
      expect(refusalOf(after)).toBe('id-clash')
      expect(after.accounts.map(({ passwd }) => passwd.name)).toEqual(['bob'])
    })
  })

  it('makes no account of a person whose tags were never read, and keeps their name and id', () => {
    const [older, younger] = [
      aUser({ name: 'alice', createdAt: 1 }),
      aUser({ name: 'Alice', createdAt: 2 }),
    ]
    const reason = { code: 'source_denied', message: 'reading the tags: denied', hint: 'h' }
    const source = {
      ...aSource([older, younger]),
      unreadOverrides: { reason, keptIds: [], unknownIds: [older.id] },
    }
    const rules = someRules({ sharedAccounts: { deploy: ['developers'] } })
    const uid = build([older]).accounts[0]?.passwd.uid
    const taker = aUser({ name: 'mallory', overrides: { uid: uid ?? 0 } })
    const directory = buildDirectory({
      source: {
        ...source,
        users: [...source.users, taker],
        groups: aSource([older, younger, taker]).groups,
      },
      rules,
      local: noLocal,
      pins: noPins,
    })
    expect(directory.accounts).toEqual([])
    expect(directory.refused.map(({ name, code }) => [name, code]).toSorted()).toEqual([
      ['Alice', 'name-clash'],
      ['alice', 'tags-unread'],
      ['mallory', 'id-clash'],
    ])
    expect(directory.refused.find(({ code }) => code === 'tags-unread')?.reason).toContain(
      reason.message,
    )
    // The uid of their own plays no part there.
    expect(directory.shared['deploy']).toContain(older)
  })

  it('takes a uid of the source when it is in the range, and tells when it is not', () => {
    const { accounts, refused } = build([
      aUser({
        name: 'alice',
        overrides: { uid: 1900000000, shell: '/bin/zsh', gecos: 'A:l\nice' },
      }),
      aUser({ name: 'bob', overrides: { uid: 0 } }),
      aUser({ name: 'carol', overrides: { uid: 1900000000 } }),
    ])
    expect(accounts.map(({ passwd }) => passwd)).toEqual([
      {
        name: 'alice',
        uid: 1900000000,
        gid: 1900000000,
        gecos: 'A l ice',
        dir: '/home/alice',
        shell: '/bin/zsh',
      },
    ])
    expect(refused.map(({ name, code }) => [name, code])).toEqual([
      ['bob', 'id-out-of-range'],
      ['carol', 'id-clash'],
    ])
  })

  it('gives no gecos that pam_umask(8) would set umask, nice value or ulimit by', () => {
    const { accounts } = build([
      aUser({ name: 'alice', overrides: { gecos: 'Alice,pri=-20,umask=0,ulimit=1' } }),
      aUser({ name: 'bob', overrides: { gecos: 'pri=-20' } }),
    ])
    expect(accounts.map(({ passwd }) => passwd.gecos)).toEqual([
      'Alice pri -20 umask 0 ulimit 1',
      'pri -20',
    ])
  })

  it('makes Linux groups of the configured groups, with a virtual one for sudo', () => {
    const users = [aUser({ name: 'alice' }), aUser({ name: 'bob' }), aUser({ name: 'eve' })]
    const source = aSource(users, {
      developers: ['alice', 'bob'],
      ops: ['alice', 'eve'],
      other: ['bob'],
    })
    const directory = build(users, { source, rules: someRules({ sudoGroups: ['ops'] }) })
    const index = viewOf(directory)
    expect(index.groupByName('developers')?.members).toEqual(['alice', 'bob'])
    expect(index.groupByName('iamlogin-sudo')?.members).toEqual(['alice'])
    expect(index.groupByName('other')).toBeUndefined()
    expect(index.accountByName('eve')).toBeUndefined()
    const names = index.initgroups('alice')?.map((gid) => index.groupByGid(gid)?.name)
    expect(names).toEqual(['alice', 'developers', 'ops', 'iamlogin-sudo'])
  })

  it('opens shared accounts to the members of their groups, and root to nobody', () => {
    const users = [aUser({ name: 'alice' }), aUser({ name: 'bob' })]
    const rules = someRules({ sharedAccounts: { 'ec2-user': ['ops'], root: ['ops'] } })
    const { shared } = build(users, {
      source: aSource(users, { developers: [], ops: ['bob'] }),
      rules,
    })
    expect(shared).toEqual({ 'ec2-user': [users[1]] })
  })
})

// What a taken-over resolver tries, as uid iamlogin alone: it owns /run/iamlogin's socket and
// /var/lib/iamlogin's files. SECURITY.md's lists are written from these tables by document.ts.
import assert from 'node:assert/strict'
import type { Group, Passwd } from '../../src/directory/types.ts'
import { encodeSnapshot } from '../../src/snapshot/format.ts'
import { op } from '../../src/wire/protocol.ts'
import { sumOf } from '../../src/snapshot/sum.ts'
import { aPasswd, aPerson, say, type Lies } from './lies.ts'

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string }

export type Host = {
  /** Runs a shell command as root. */
  readonly run: (command: string) => Promise<Outcome>
  /** Runs it as the resolver's user. */
  readonly asResolver: (command: string) => Promise<Outcome>
  /** From now on the resolver answers so. */
  readonly lie: (lies: Lies) => void
  /** Puts a file of the resolver's in its state directory. */
  readonly publish: (name: string, bytes: Buffer) => Promise<void>
  /** Logs in by ssh with the adversary's key. */
  readonly login: (user: string) => Promise<Outcome>
  readonly publicKey: string
}

export type Attack = {
  readonly id: string
  /** What follows "A taken-over resolver cannot" or "can". */
  readonly sentence: string
  /** Plays it on a host, or names the test that does. */
  readonly play: ((host: Host) => Promise<void>) | string
}

const [uid, gid] = [1_900_000_001, 1_900_000_077]

async function outputOf(host: Host, command: string): Promise<string> {
  return (await host.run(command)).stdout.trim()
}

/** Nobody is found, and the lookup ends. */
async function expectNothing(host: Host, command: string): Promise<void> {
  const outcome = await host.run(`timeout 20 ${command}`)
  assert.equal(outcome.stdout, '', command)
  assert.notEqual(outcome.code, 124, `${command} does not end`)
}

async function expectRefused(host: Host, user: string): Promise<void> {
  const outcome = await host.login(user)
  assert.match(outcome.stderr, /Permission denied/, `${user} is refused`)
  assert.equal(outcome.code, 255)
}

const foreignIds = [
  ...[0, 1, 33, 999, 1000, 65_534, 65_535, 65_536, 100_000, 524_288, 1_879_048_191],
  ...[2_147_352_576, 2_147_483_647, 2_147_483_648, 4_294_967_294],
]

const foreignHomes = [
  '/etc/systemd/system/cron.service.d',
  '/home/../etc/cron.new',
  '/home/mallory/../../etc/other',
  '/home/.hidden',
  '/home/a/b',
  '/srv/home',
  '/root/x',
]

/** directory.db, right by every sum: all slots of each table lead to one record of 4 MiB. */
export function slowFile(name: string): Buffer {
  const [header, slots, size] = [128, 65_536, 65 * 1024 * 1024]
  const record = header + slots * 8
  const length = 4 * 1024 * 1024
  const bytes = Buffer.alloc(size)
  const hash = sumOf(Buffer.from(name), 0, name.length)
  for (let at = header; at < record; at += 8) {
    bytes.writeUInt32LE(hash, at)
    bytes.writeUInt32LE(record, at + 4)
  }
  bytes.writeUInt32LE(length, record + 4)
  bytes.writeUInt16LE(4, record + 8)
  bytes.write('else', record + 10, 'latin1')
  bytes.writeUInt32LE(uid, record + 14)
  bytes.writeUInt32LE(sumOf(bytes, record + 4, record + 8 + length), record)
  bytes.write('IAMLDB1\n', 'latin1')
  bytes.writeBigUInt64LE(BigInt(size), 16)
  bytes.writeUInt32LE(0xffffffff, 44)
  for (let table = 0; table < 5; table++) {
    bytes.writeUInt32LE(header, 56 + table * 8)
    bytes.writeUInt32LE(slots, 60 + table * 8)
  }
  bytes.writeUInt32LE(header, 96)
  bytes.writeUInt32LE(header, 100)
  bytes.writeUInt32LE(sumOf(bytes, 16, header), 12)
  return bytes
}

/** directory.db as the resolver's own writer makes it, of people and groups as the adversary likes. */
export function forgedFile(passwds: readonly Passwd[], groups: readonly Group[]): Buffer {
  const directory = {
    accounts: passwds.map((passwd, index) => ({
      passwd,
      user: {
        id: `AIDA${index}`,
        arn: `arn:aws:iam::1:user/${index}`,
        name: passwd.name,
        createdAt: 1,
      },
    })),
    groups,
    ...{ refused: [], notices: [], shared: {}, pins: { uids: {}, gids: {} } },
  }
  return encodeSnapshot({
    directory,
    generation: 1,
    readAt: 1,
    ids: { min: 0, max: 4_294_967_295 },
    localNames: [],
    offlineMs: 604_800_000,
  })
}

async function withFile(host: Host, bytes: Buffer, play: () => Promise<void>): Promise<void> {
  await host.publish('directory.db', bytes)
  host.lie({})
  try {
    await play()
  } finally {
    await host.run('rm /var/lib/iamlogin/directory.db')
  }
}

/** What root's helper says to a request by the resolver's user. */
async function askTerminate(host: Host, request: string): Promise<string> {
  const program = [
    `const socket = require('node:net').connect('/run/iamlogin-terminate.sock')`,
    `socket.on('data', (part) => process.stdout.write(part))`,
    `socket.end('${request}\\n')`,
  ].join(';')
  const outcome = await host.asResolver(
    `/opt/iamlogin/node_modules/.bin/node -e "${program.replaceAll('\\n', '\\\\n')}"`,
  )
  return outcome.stdout.trim()
}

export const attacks: readonly Attack[] = [
  {
    id: 'local-user-by-name',
    sentence: 'shadow or alter `root` or a local user',
    play: async (host) => {
      const names = ['root', 'ec2-user', 'daemon', 'iamlogin']
      host.lie(Object.assign({}, ...names.map((name) => aPerson(aPasswd({ name })))) as Lies)
      for (const name of names) {
        await expectNothing(host, `getent -s passwd:iamlogin passwd ${name}`)
        assert.doesNotMatch(await outputOf(host, `getent passwd ${name}`), /mallory/)
      }
    },
  },
  {
    id: 'local-name-by-uid',
    sentence: "give a uid of its own a local user's name, by which sudo would go",
    play: async (host) => {
      for (const name of ['ec2-user', 'root', 'daemon']) {
        host.lie(say.byUid(uid, aPasswd({ name })))
        await expectNothing(host, `getent passwd ${uid}`)
      }
    },
  },
  {
    id: 'local-name-by-gid',
    sentence: "give a gid of its own a local group's name, by which sudo and sshd would go",
    play: async (host) => {
      for (const name of ['sudo', 'docker', 'root']) {
        host.lie({
          [`${op.GROUP_BY_GID} ${gid}`]: {
            kind: 'group',
            group: { name, gid, members: ['mallory'] },
          },
        })
        await expectNothing(host, `getent group ${gid}`)
      }
    },
  },
  {
    id: 'privileged-names',
    sentence:
      'give its users a group by whose name distributions give root (`admin`, `wheel`, `docker`), where the host has no such group',
    play: async (host) => {
      for (const name of ['wheel', 'admin', 'libvirt']) {
        assert.doesNotMatch(
          await outputOf(host, 'getent -s group:files group'),
          RegExp(`^${name}:`, 'm'),
        )
        host.lie({
          ...aPerson(aPasswd()),
          ...say.gids('mallory', [uid, gid]),
          ...say.group({ name, gid, members: ['mallory'] }),
        })
        await expectNothing(host, `getent group ${name}`)
        await expectNothing(host, `getent group ${gid}`)
        assert.doesNotMatch(await outputOf(host, 'id -nG mallory 2>/dev/null'), RegExp(name))
      }
    },
  },
  {
    id: 'local-names-in-lists',
    sentence: 'put a local name, or an id of the system, into an enumeration',
    play: async (host) => {
      host.lie({
        ...say.passwds([
          aPasswd({ name: 'ec2-user' }),
          aPasswd({ name: 'nurse', uid: 0 }),
          aPasswd({ name: 'clerk', gid: 27 }),
        ]),
        ...say.groups([
          { name: 'sudo', gid, members: ['mallory'] },
          { name: 'wheel2', gid: 27, members: ['mallory'] },
        ]),
      })
      await expectNothing(host, 'getent -s passwd:iamlogin passwd')
      await expectNothing(host, 'getent -s group:iamlogin group')
    },
  },
  {
    id: 'ids-outside',
    sentence:
      "use an id outside the range of root's list `ids`: the system's, subordinate ids, containers",
    play: async (host) => {
      for (const each of foreignIds) {
        host.lie({
          ...aPerson(aPasswd({ uid: each })),
          ...aPerson(aPasswd({ name: 'other', gid: each })),
          ...say.group({ name: 'team', gid: each, members: ['mallory'] }),
        })
        await expectNothing(host, `getent -s passwd:iamlogin passwd mallory`)
        await expectNothing(host, `getent -s passwd:iamlogin passwd other`)
        await expectNothing(host, `getent -s passwd:iamlogin passwd ${each}`)
        await expectNothing(host, `getent -s group:iamlogin group team`)
        await expectNothing(host, `getent -s group:iamlogin group ${each}`)
      }
    },
  },
  {
    id: 'groups-of-local-users',
    sentence:
      "give a local user, or the resolver itself once it restarts, groups of IAM's or of root's list",
    play: async (host) => {
      const before = await Promise.all(
        ['root', 'ec2-user', 'iamlogin'].map((name) => outputOf(host, `id -G ${name}`)),
      )
      host.lie({
        ...say.gids('root', [gid]),
        ...say.gids('ec2-user', [gid]),
        ...say.gids('iamlogin', [gid]),
      })
      const after = await Promise.all(
        ['root', 'ec2-user', 'iamlogin'].map((name) => outputOf(host, `id -G ${name}`)),
      )
      assert.deepEqual(after, before)
      assert.equal(await outputOf(host, 'systemd-run -q --pipe --uid=iamlogin id -G'), '900')
    },
  },
  {
    id: 'local-groups',
    sentence: 'make one of its users a member of a local group that root did not list',
    play: async (host) => {
      host.lie({
        ...aPerson(aPasswd()),
        ...say.gids('mallory', [uid, 27]),
        ...say.group({ name: 'sudo', gid: 27, members: ['mallory'] }),
        ...say.group({ name: 'shadow', gid: 42, members: ['mallory'] }),
      })
      const groups = (await outputOf(host, 'id -G mallory')).split(' ')
      for (const each of ['0', '27', '42']) assert.ok(!groups.includes(each), `gid ${each}`)
      assert.doesNotMatch(await outputOf(host, 'getent group sudo shadow'), /mallory/)
      assert.notEqual((await host.run('runuser -u mallory -- sudo -n true')).code, 0)
    },
  },
  {
    id: 'homes',
    sentence:
      "name a home that is not directly below root's folder of homes, which pam_mkhomedir would make",
    play: async (host) => {
      for (const dir of foreignHomes) {
        host.lie(aPerson(aPasswd({ dir })))
        assert.ok(!(await outputOf(host, 'getent passwd mallory')).includes(dir), dir)
        await host.run('pamtester sshd mallory open_session close_session')
        assert.notEqual((await host.run(`test -e ${dir}`)).code, 0, `${dir} was made`)
      }
    },
  },
  {
    id: 'shells',
    sentence: 'name a shell that is not in /etc/shells, or does not exist',
    play: async (host) => {
      await host.run('install -m 755 /bin/true /tmp/shell')
      for (const shell of ['/tmp/shell', '/bin/../tmp/shell', 'shell', '/usr/bin/env'])
        for (const lies of [say.byName(aPasswd({ shell })), say.byUid(uid, aPasswd({ shell }))]) {
          host.lie(lies)
          const found = await outputOf(host, `getent passwd mallory ${uid}`)
          assert.ok(!found.endsWith(`:${shell}`), found)
        }
    },
  },
  {
    id: 'keys-of-local-users',
    sentence:
      'open `root`, a local account that root did not list, or one whose line begins with a blank',
    play: async (host) => {
      for (const name of ['root', 'ec2-user', 'deploy']) {
        host.lie({ ...aPerson(aPasswd({ name })), ...say.keys(name, [host.publicKey]) })
        await expectRefused(host, name)
      }
      await expectNothing(host, 'getent -s passwd:iamlogin passwd deploy')
    },
  },
  {
    id: 'refused-local-user',
    sentence: 'let in a local user whom the host refuses',
    play: async (host) => {
      host.lie({ [`${op.ACCOUNT} ec2-user`]: { kind: 'verdict' } })
      assert.equal((await host.run('pamtester sshd ec2-user acct_mgmt')).code, 0)
      await host.run('chage -E 1 ec2-user')
      assert.notEqual((await host.run('pamtester sshd ec2-user acct_mgmt')).code, 0)
      await host.run('chage -E -1 ec2-user')
    },
  },
  {
    id: 'forged-names',
    sentence:
      'do by a forged `directory.db` what the socket cannot: local names by id and in lists',
    play: async (host) => {
      const names = ['ec2-user', 'daemon', 'iamlogin', 'deploy']
      const file = forgedFile(
        [...names.map((name, index) => aPasswd({ name, uid: uid + 1 + index })), aPasswd()],
        ['sudo', 'docker'].map((name, index) => ({ name, gid: gid + index, members: ['mallory'] })),
      )
      await withFile(host, file, async () => {
        assert.match(await outputOf(host, 'getent passwd mallory'), /^mallory:/)
        for (const [index, name] of names.entries()) {
          await expectNothing(host, `getent passwd ${uid + 1 + index}`)
          await expectNothing(host, `getent -s passwd:iamlogin passwd ${name}`)
        }
        for (const each of [gid, gid + 1]) await expectNothing(host, `getent group ${each}`)
        assert.match(await outputOf(host, 'getent -s passwd:iamlogin passwd'), /^mallory:[^\n]*$/)
        await expectNothing(host, 'getent -s group:iamlogin group')
      })
    },
  },
  {
    id: 'forged-groups',
    sentence: 'give a local user, or the resolver itself, groups by a forged `directory.db`',
    play: async (host) => {
      const names = ['ec2-user', 'deploy', 'iamlogin']
      const ids = (): Promise<readonly string[]> =>
        Promise.all(names.map((name) => outputOf(host, `id -G ${name}`)))
      const before = await ids()
      const file = forgedFile(
        names.map((name, index) => aPasswd({ name, uid: uid + 1 + index })),
        [{ name: 'ops', gid, members: names }],
      )
      await withFile(host, file, async () => {
        assert.deepEqual(await ids(), before)
        assert.equal(await outputOf(host, 'systemd-run -q --pipe --uid=iamlogin id -G'), '900')
        assert.equal(await outputOf(host, 'getent group ops'), `ops:*:${gid}:`)
      })
    },
  },
  {
    id: 'forged-ids-and-homes',
    sentence:
      "use ids outside root's list, or homes outside of root's folder, by a forged `directory.db`",
    play: async (host) => {
      const people = [
        ...foreignIds.map((each, index) => aPasswd({ name: `id${index}x`, uid: each, gid: uid })),
        ...[...foreignHomes, '/home/ec2-user', '/home/deploy'].map((dir, index) =>
          aPasswd({ name: `home${index}x`, uid: uid + 1 + index, dir }),
        ),
      ]
      const file = forgedFile([aPasswd(), ...people], [])
      await withFile(host, file, async () => {
        assert.match(await outputOf(host, 'getent passwd mallory'), /^mallory:/)
        for (const { name, uid: each } of people) {
          await expectNothing(host, `getent -s passwd:iamlogin passwd ${name}`)
          await expectNothing(host, `getent -s passwd:iamlogin passwd ${each}`)
        }
        const listed = await outputOf(host, 'getent -s passwd:iamlogin passwd')
        assert.match(listed, /^mallory:[^\n]*$/)
      })
    },
  },
  {
    id: 'cost',
    sentence: 'hold up a lookup by a `directory.db` that is right by every sum and made to be slow',
    play: async (host) => {
      await host.publish('directory.db', slowFile('mallory'))
      host.lie({})
      await expectNothing(host, 'getent passwd mallory')
      await expectNothing(host, 'getent -s passwd:iamlogin passwd else')
      assert.equal((await host.run('timeout 20 id -G ec2-user')).stdout, '1000\n')
      await host.run('rm /var/lib/iamlogin/directory.db')
    },
  },
  {
    id: 'budget',
    sentence:
      'make one question cost more than its deadline, or each unknown name of a process a time-out',
    play: 'native/test/test_budget.c',
  },
  {
    id: 'double-fetch',
    sentence:
      'change a name in `directory.db` or a line in `keys.db` between its check and its use',
    play: 'native/test/test_snapshot_race.c',
  },
  {
    id: 'damage',
    sentence: 'crash a process by what the socket or `directory.db` says',
    play: 'native/fuzz/fuzz_snapshot.c',
  },
  {
    id: 'root-lists',
    sentence: "write root's lists, the configuration, or anything else in /etc",
    play: async (host) => {
      const before = await outputOf(host, 'find /etc -newer /run/adversary-began')
      for (const command of [
        'echo sudo >> /etc/iamlogin/root.d/local-groups',
        'echo root > /etc/iamlogin/root.d/shared-accounts',
        'echo 0-4294967295 > /etc/iamlogin/root.d/ids',
        'mv /etc/iamlogin/root.d /etc/iamlogin/other',
        'rm -rf /etc/iamlogin/root.d',
        'touch /etc/iamlogin/iamlogin.toml /etc/passwd /etc/nsswitch.conf /etc/cron.d/x',
      ])
        assert.notEqual((await host.asResolver(command)).code, 0, command)
      assert.equal(await outputOf(host, 'find /etc -newer /run/adversary-began'), before)
    },
  },
  {
    id: 'terminate',
    sentence: "end a process of root's or of a local user's by `iamlogin-terminate`",
    play: async (host) => {
      await host.run('systemd-run -q --unit=victim --uid=ec2-user sleep infinity')
      for (const each of ['0', '1', '900', '1000', '65534', '-1', '4294967296'])
        assert.match(await askTerminate(host, each), /^refused/, each)
      assert.equal(await outputOf(host, 'systemctl is-active victim'), 'active')
      await host.run('systemctl stop victim')
    },
  },
  {
    id: 'journal',
    sentence: "write a journal entry that counts as root's or as sshd's",
    play: async (host) => {
      const entry = 'MESSAGE=forged\\n_UID=0\\n_EXE=/usr/sbin/sshd\\nIAMLOGIN_ACTION=session-open'
      await host.asResolver(`printf '${entry}\\n' | logger --journald`)
      await host.run('journalctl --sync')
      assert.match(await outputOf(host, 'journalctl -q _UID=900 MESSAGE=forged'), /forged/)
      assert.equal(await outputOf(host, 'journalctl -q _UID=0 MESSAGE=forged'), '')
      assert.equal(await outputOf(host, 'journalctl -q _EXE=/usr/sbin/sshd MESSAGE=forged'), '')
    },
  },
  {
    id: 'key-command',
    sentence: 'write into the memory of the key command, which runs as its own user',
    play: 'test/system/key-command.test.ts',
  },
]

export const powers: readonly Attack[] = [
  {
    id: 'people',
    sentence:
      'say who is a user of IAM here, within the range of ids, with which key, and let them in',
    play: async (host) => {
      const found = aPasswd()
      host.lie({ ...aPerson(found), ...say.keys(found.name, [host.publicKey]) })
      assert.match(await outputOf(host, `getent passwd ${uid}`), /^mallory:/)
      const outcome = await host.login('mallory')
      assert.equal(outcome.code, 0, outcome.stderr)
      assert.match(outcome.stdout, /mallory/)
    },
  },
  {
    id: 'groups',
    sentence:
      'say who is a member of which IAM group: of `iamlogin-sudo` too, which the packaged sudoers file lets be root, and of any other group that rules of the host (sudoers, AllowGroups, polkit) name and no local group is called',
    play: async (host) => {
      host.lie({
        ...aPerson(aPasswd()),
        ...say.gids('mallory', [uid, gid]),
        ...say.group({ name: 'iamlogin-sudo', gid, members: ['mallory'] }),
      })
      assert.match(await outputOf(host, 'id -Gn mallory'), /iamlogin-sudo/)
    },
  },
  {
    id: 'signals',
    sentence:
      'stop the key command by a signal, for it runs as the same user: until `LoginGraceTime` is over, logins by key wait, those of local users too (passwords and the console do not)',
    play: async (host) => {
      // Of its mode, and for the user that sshd runs it as.
      await host.run('install -m 0711 /bin/sleep /opt/held')
      await host.run('systemd-run -q -p Type=exec --unit=held --uid=iamlogin /opt/held infinity')
      const pid = await outputOf(host, 'systemctl show -P MainPID held')
      await host.asResolver(`kill -STOP ${pid}`)
      assert.match(await outputOf(host, `cat /proc/${pid}/stat`), / T /)
      await host.run('systemctl kill -s KILL held; rm /opt/held')
    },
  },
  {
    id: 'sessions',
    sentence: 'end the sessions of users of IAM, and refuse them their logins',
    play: async (host) => {
      host.lie({})
      assert.match(await askTerminate(host, String(uid)), /^ended/)
    },
  },
  {
    id: 'audit',
    sentence:
      'write what it wants into the journal as user `iamlogin`, and so into what `iamlogin audit` shows of the resolver',
    play: async (host) => {
      await host.asResolver('logger invented')
      await host.run('journalctl --sync')
      assert.match(await outputOf(host, 'journalctl -q _UID=900 MESSAGE=invented'), /invented/)
    },
  },
  {
    id: 'sigbus',
    sentence:
      'cut `directory.db` short under a reader, who dies of SIGBUS (a private copy of the file in every process would cost its size each)',
    play: 'native/common/snapshot.h',
  },
]

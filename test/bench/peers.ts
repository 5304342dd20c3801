// Starts the peers inside of the machine, with slapd on loopback: no service of the host.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Machine } from '../support/machine.ts'
import { asLocal, toFiles, toIndex, toLdif, type People } from './directory.ts'

const slapd = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd/slapd.pid
sizelimit unlimited
database mdb
suffix "dc=bench"
directory /var/lib/ldap-bench
maxsize 1073741824
index objectClass,uid,uidNumber,gidNumber,cn,memberUid eq
access to * by * read
`

const sssdFor = (ldap: string): string => `[sssd]
services = nss
domains = bench
[nss]
memcache_timeout = 86400
[domain/bench]
id_provider = ldap
auth_provider = none
access_provider = permit
ldap_uri = ${ldap}
ldap_search_base = dc=bench
ldap_schema = rfc2307
enumerate = false
entry_cache_timeout = 86400
min_id = 1000
`

const nslcdFor = (ldap: string): string => `uid nslcd
gid nslcd
uri ${ldap}
base dc=bench
`

export type Peers = { readonly stop: () => Promise<void> }

/** Writes the directory for files and nss_cache, starts slapd, sssd and nslcd, and awaits them. */
export async function startPeers(machine: Machine, people: People): Promise<Peers> {
  // SSSD counts a server on a unix socket as offline.
  const ldap = `ldap://127.0.0.1:${await freePort()}/`
  const children: ChildProcess[] = []
  const start = (command: string): void => {
    const program = spawn('/usr/sbin/chroot', [machine.root, 'sh', '-c', `exec ${command}`], {
      stdio: 'ignore',
    })
    children.push(program)
  }
  const must = async (command: string): Promise<void> => {
    const { code, stderr } = await machine.runAsync(command)
    if (code !== 0) throw new Error(`${command}: ${stderr}`)
  }
  const { passwd, group } = toFiles(people)
  const lines = (all: readonly string[]): string => `${all.join('\n')}\n`
  const local = toFiles(asLocal(people))
  machine.write('/etc/passwd', machine.read('/etc/passwd') + lines(local.passwd))
  machine.write('/etc/group', machine.read('/etc/group') + lines(local.group))
  for (const [file, all, id] of [
    ['passwd', passwd, 'uid'],
    ['group', group, 'gid'],
  ] as const) {
    machine.write(`/etc/${file}.cache`, lines(all))
    machine.write(`/etc/${file}.cache.ixname`, toIndex(all, 0))
    machine.write(`/etc/${file}.cache.ix${id}`, toIndex(all, 2))
  }
  for (const folder of ['run/slapd', 'run/nslcd', 'var/lib/ldap-bench', 'run/sssd'])
    mkdirSync(join(machine.root, folder), { recursive: true })
  machine.write('/etc/ldap/bench.conf', slapd)
  machine.write('/tmp/bench.ldif', toLdif(people))
  machine.write('/etc/sssd/sssd.conf', sssdFor(ldap), 0o600)
  machine.write('/etc/nslcd.conf', nslcdFor(ldap), 0o600)
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      const ended = once(child, 'exit')
      if (child.exitCode === null && child.kill('SIGTERM')) await ended
    }
  }
  try {
    await must(
      'chown nslcd:nslcd /run/nslcd && slapadd -q -f /etc/ldap/bench.conf -l /tmp/bench.ldif',
    )
    start(`slapd -d 0 -h ${ldap} -f /etc/ldap/bench.conf`)
    const first = people.users[0]?.name ?? ''
    const until = async (command: string): Promise<void> => {
      const give = Date.now() + 60_000
      while ((await machine.runAsync(command)).code !== 0)
        if (Date.now() > give) throw new Error(`${command}: no answer in a minute`)
    }
    await until(`ldapsearch -x -H ${ldap} -b dc=bench uid=${first} | grep -q numEntries`)
    start('sssd -i -d 0x0010 --logger=files')
    start('nslcd -n')
    await until(`getent -s sss passwd ${first}`)
    await until(`getent -s ldap passwd ${first}`)
  } catch (error) {
    await stop()
    throw error
  }
  return { stop }
}

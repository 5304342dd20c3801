// Every contender on the same 5,000 users and 300 groups, in one machine, one after the other.
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { startMachine, type Machine } from '../support/machine.ts'
import { asLocal, fromGetent, groupNames, toKeys, toToml } from './directory.ts'
import { installTool, measure } from './measure.ts'
import { startPeers } from './peers.ts'
import { medians, type Row } from './report.ts'

type Contender = {
  readonly name: string
  readonly service: string
  readonly environment?: string
}

const peers: readonly Contender[] = [
  { name: 'glibc files', service: 'files' },
  { name: 'SSSD, memory cache', service: 'sss' },
  { name: 'SSSD, no memory cache', service: 'sss', environment: 'SSS_NSS_USE_MEMCACHE=NO' },
  { name: 'nslcd', service: 'ldap' },
  { name: 'nss_cache', service: 'cache' },
]
const rounds = 3
const ops = ['getpwnam', 'getpwuid', 'getgrnam', 'getgrgid', 'initgroups'] as const

/** iamlogin.toml for a directory file. */
export const fileConfig = `[source]
kind = "file"
path = "/etc/iamlogin/directory.toml"
refresh = "1h"
[access]
groups = ${JSON.stringify(groupNames)}
[audit]
journal = false
`

/** Waits until the file is in place. */
export async function published(machine: Machine): Promise<void> {
  while ((await machine.runAsync('test -e /var/lib/iamlogin/directory.db')).code !== 0)
    await new Promise(setImmediate)
}

async function startNodeEcho(path: string): Promise<() => void> {
  const answer = Buffer.alloc(80, 1)
  const server = createServer((socket) => {
    socket.on('data', () => socket.write(answer))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((listening) => {
    server.listen(path, listening)
  })
  return () => server.close()
}

/** Measures all; a contender that fails is told and left out. */
export async function compareLookups(options: {
  readonly root: string | undefined
  readonly users: number
  readonly ms: number
  readonly tell: (text: string) => void
}): Promise<readonly Row[]> {
  const { users, ms, tell } = options
  const machine = await startMachine(options.root)
  const found: Row[] = []
  const failed = new Set<string>()
  const add = async (
    contender: string,
    op: string,
    args: string,
    processes = 1,
    environment = '',
  ): Promise<void> => {
    if (failed.has(`${contender} ${op}`)) return
    try {
      const measured = await measure(machine, args, environment)
      found.push({ contender, op, users, processes, ...measured })
    } catch (error) {
      failed.add(`${contender} ${op}`)
      tell(`${contender}, ${op}: ${error instanceof Error ? error.message : ''}`)
    }
  }
  const compare = async ({ name, service, environment }: Contender): Promise<void> => {
    const of = service === 'files' ? 'local-' : ''
    for (const op of ops) {
      const keys = op.startsWith('getgr') ? 'groups' : 'users'
      const args = `lookup --service ${service} --op ${op} --keys /tmp/${of}${keys} --ms ${ms}`
      await add(name, op, args, 1, environment)
    }
    const many = `lookup --service ${service} --op getpwnam --keys /tmp/${of}users --ms ${ms} --processes 64`
    await add(name, 'getpwnam', many, 64, environment)
  }
  const enumerate = async ({ name, service }: Contender): Promise<void> => {
    for (const op of ['passwd', 'group'])
      await add(name, `enumerate ${op}`, `enumerate --service ${service} --op ${op} --runs 10`)
  }
  const ours = { name: 'iamlogin', service: 'iamlogin' }
  const misses = async (): Promise<void> => {
    const miss = (op: string, keysFile: string): string =>
      `lookup --miss --service iamlogin --op ${op} --keys /tmp/${keysFile} --ms ${ms}`
    await add('iamlogin, miss that asks', 'getpwuid', miss('getpwuid', 'unknown'))
    await add('iamlogin, miss repeated', 'getpwuid', miss('getpwuid', 'one'))
    await add('iamlogin, reserved name', 'getpwnam', miss('getpwnam', 'local'))
    await add('iamlogin, id outside [ids]', 'getpwuid', miss('getpwuid', 'local'))
  }
  /** Without the file every lookup goes over the socket. */
  const socket = async (): Promise<void> => {
    const file = join(machine.root, 'var/lib/iamlogin/directory.db')
    renameSync(file, `${file}.aside`)
    await compare({ name: 'iamlogin, socket', service: 'iamlogin' })
    renameSync(`${file}.aside`, file)
  }
  try {
    installTool(machine)
    machine.write('/etc/iamlogin/directory.toml', toToml(users))
    machine.write('/etc/iamlogin/iamlogin.toml', fileConfig)
    await machine.startResolver()
    await published(machine)
    const [passwd, group] = [
      await machine.runAsync('getent -s iamlogin passwd'),
      await machine.runAsync('getent -s iamlogin group'),
    ]
    const people = fromGetent(passwd.stdout, group.stdout)
    const keys = toKeys(people, 1_000)
    machine.write('/tmp/users', keys.users)
    machine.write('/tmp/groups', keys.groups)
    const local = toKeys(asLocal(people), 1_000)
    machine.write('/tmp/local-users', local.users)
    machine.write('/tmp/local-groups', local.groups)
    const taken = new Set(people.users.map(({ uid }) => uid))
    const unknown = Array.from({ length: 1_000 }, (_, index) => 1_900_000_000 + index * 7)
    machine.write(
      '/tmp/unknown',
      unknown
        .filter((uid) => !taken.has(uid))
        .map((uid) => `x${uid} ${uid} 0\n`)
        .join(''),
    )
    machine.write('/tmp/one', 'x1900000001 1900000001 0\n')
    machine.write('/tmp/local', 'postgres 5000 0\nnobody 6000 0\n')

    const stopEcho = await startNodeEcho(join(machine.root, 'run/echo.sock'))
    const running = options.root === undefined ? undefined : await startPeers(machine, people)
    if (running === undefined) tell('the peers are skipped: no root to run them in')
    try {
      // In turn, and the rounds' medians: a noisy moment hits all alike.
      for (let round = 1; round <= rounds; round++) {
        tell(`round ${round} of ${rounds}`)
        await add('in-process hash', 'getpwnam', `hash --keys /tmp/users --ms ${ms}`)
        await add('bare ping-pong, Node', 'ping', `ping --path /run/echo.sock --ms ${ms}`)
        await compare(ours)
        if (running !== undefined) for (const peer of peers) await compare(peer)
        await misses()
        await socket()
      }
      await enumerate(ours)
      if (running !== undefined)
        for (const peer of peers)
          if (peer.service === 'files' || peer.service === 'cache') await enumerate(peer)
    } finally {
      stopEcho()
      await running?.stop()
    }
    return medians(found)
  } finally {
    await machine.stop()
  }
}

// What the resolver takes of a host over many changes, and how soon it answers after a start.
import { readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { encodeRequest } from '../../src/wire/codec.ts'
import { op } from '../../src/wire/protocol.ts'
import { startIamServer, type IamServer } from '../support/iam-server.ts'
import { startMachine, type Machine } from '../support/machine.ts'
import { children } from '../support/processes.ts'
import { groupNames, groupsOf } from './directory.ts'
import { cpuOf, descriptorsOf, memoryOf, watchPeak, type Memory } from './process.ts'
import { percentile, toTarget, type Fact, type Target } from './report.ts'

export type Resident = { readonly facts: readonly Fact[]; readonly targets: readonly Target[] }

/** MiB, and seconds of the processor for a cycle that finds a change. */
type Bars = {
  readonly rss: number
  readonly anon: number
  readonly pss: number
  readonly cpu: number
}
export const fewBars: Bars = { rss: 100, anon: 50, pss: 190, cpu: 1.3 }
export const manyBars: Bars = { rss: 115, anon: 65, pss: 500, cpu: 5.5 }

const changes = 30
/** From here on nothing is done for the first time. */
const warm = 5
const unchanged = 5
const starts = 5

type Host = { readonly machine: Machine; readonly iam: IamServer }

async function withHost<T>(users: number, run: (host: Host) => Promise<T>): Promise<T> {
  const machine = await startMachine()
  const iam = await startIamServer()
  try {
    iam.setPageSize(1_000)
    for (const name of groupNames) iam.addGroup(name)
    for (let user = 0; user < users; user++) iam.addUser(`user${user}`, groupsOf(user))
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      `[source]\nendpoint = "${iam.url}"\nrefresh = "1h"\n[access]\ngroups = ${JSON.stringify(groupNames)}\n[audit]\njournal = false\n`,
    )
    return await run({ machine, iam })
  } finally {
    await machine.stop()
    await iam.stop()
  }
}

function pidOf(machine: Machine): number {
  const pid = machine.resolverPid()
  if (pid === undefined) throw new Error('the resolver was not started')
  return pid
}

/** One user comes, or the one before goes: the directory is another each time. */
async function change({ machine, iam }: Host, turn: number): Promise<void> {
  if (turn % 2 === 0) iam.addUser('late', groupsOf(turn))
  else iam.deleteUser('late')
  await machine.control('/refresh', 'POST')
}

async function manyChanges(
  host: Host,
): Promise<{ readonly early: Memory; readonly late: Memory; readonly cpu: readonly number[] }> {
  const pid = pidOf(host.machine)
  for (let turn = 0; turn < warm; turn++) await change(host, turn)
  const [early, before] = [memoryOf(pid), cpuOf(pid)]
  for (let turn = warm; turn < changes; turn++) await change(host, turn)
  const after = cpuOf(pid)
  const cpu = [after.own - before.own, after.all - before.all].map(
    (seconds) => seconds / (changes - warm),
  )
  return { early, late: memoryOf(pid), cpu }
}

/** Seconds of the processor that a cycle takes which finds nothing new. */
async function idleCycle({ machine }: Host): Promise<number> {
  const pid = pidOf(machine)
  const before = cpuOf(pid)
  for (let turn = 0; turn < unchanged; turn++) await machine.control('/refresh', 'POST')
  return (cpuOf(pid).all - before.all) / unchanged
}

/** Memory and processor over many changes. */
export async function measureResident(
  users: number,
  bars: Bars,
  tell: (text: string) => void,
): Promise<Resident> {
  tell(`measuring ${changes} changes of ${users} users`)
  return withHost(users, async (host) => {
    const started = host.machine.startResolver()
    const peak = watchPeak(pidOf(host.machine))
    await started
    const { early, late, cpu } = await manyChanges(host)
    const pss = peak()
    const [own = 0, all = 0] = cpu
    const idle = await idleCycle(host)
    const bar = (what: string, value: number, limit: number): Target =>
      toTarget(`${users} users, ${what} / ${limit}`, value, limit, 1)
    const fact = (what: string, value: number): Fact => ({
      fact: `${users} users: ${what}`,
      value: Math.round(value * 1_000) / 1_000,
    })
    return {
      facts: [
        fact(`RSS after ${changes} changes, MiB`, late.rssMiB),
        fact(`RssAnon after ${changes} changes, MiB`, late.anonMiB),
        fact(`RssAnon, more than after ${warm} changes, MiB`, late.anonMiB - early.anonMiB),
        fact('PSS of all processes at the peak, MiB', pss),
        fact('processor for a cycle with a change, s', all),
        fact('of which the resolver itself, s', own),
        fact('processor for a cycle without a change, s', idle),
      ],
      targets: [
        bar(`RSS after ${changes} changes, MiB`, late.rssMiB, bars.rss),
        bar(`RssAnon after ${changes} changes, MiB`, late.anonMiB, bars.anon),
        bar(`RssAnon, growth from change ${warm} on, MiB`, late.anonMiB - early.anonMiB, 8),
        bar('PSS of all processes at the peak, MiB', pss, bars.pss),
        bar('processor for a changed cycle, s', all, bars.cpu),
        bar('of which the resolver, s', own, 0.1),
        // Half of what a changed cycle may take: starting a process and asking IAM cost the same in both.
        bar('processor for an unchanged cycle, s', idle, bars.cpu / 2),
      ],
    }
  })
}

const question = encodeRequest({ op: op.PASSWD_BY_NAME, name: 'user1' })

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write(question))
    socket.on('data', (part) => {
      resolve(part.includes('/home/user1'))
      socket.destroy()
    })
    socket.on('error', () => {
      resolve(false)
    })
    socket.on('close', () => {
      resolve(false)
    })
  })
}

/** Milliseconds from the start of the resolver to the first right answer on its socket. */
async function firstAnswer(machine: Machine): Promise<number> {
  const path = join(machine.root, 'run/iamlogin/resolver.sock')
  rmSync(path, { force: true })
  const startedAt = performance.now()
  const started = machine.startResolver()
  while (!(await answers(path))) await setTimeout(1)
  const ms = performance.now() - startedAt
  await started
  return ms
}

/** The same of a Node that does nothing. */
async function bareNode(machine: Machine): Promise<number> {
  const startedAt = performance.now()
  await machine.runAsync(
    'exec setpriv --reuid 900 --regid 900 --clear-groups /opt/iamlogin/node_modules/.bin/node -e 0',
  )
  return performance.now() - startedAt
}

async function median(run: () => Promise<number>): Promise<number> {
  const all: number[] = []
  for (let turn = 0; turn < starts; turn++) all.push(await run())
  return percentile(all, 0.5)
}

/** How soon the resolver answers after a start, with the state of the last run and without any. */
export async function measureStart(users: number, tell: (text: string) => void): Promise<Resident> {
  tell(`measuring starts with ${users} users`)
  return withHost(users, async ({ machine, iam }) => {
    const state = join(machine.root, 'var/lib/iamlogin')
    const beyondIam = await median(async () => {
      for (const name of readdirSync(state)) rmSync(join(state, name))
      iam.resetCalls()
      const ms = await firstAnswer(machine)
      const calls = iam.busyMs()
      await machine.stopResolver()
      return ms - calls
    })
    await machine.startResolver()
    await machine.control('/refresh', 'POST')
    await machine.stopResolver()
    const bare = await median(() => bareNode(machine))
    const withState = await median(async () => {
      const ms = await firstAnswer(machine)
      await machine.control('/refresh', 'POST')
      await machine.stopResolver()
      return ms
    })
    const fact = (what: string, value: number): Fact => ({
      fact: `${users} users: ${what}`,
      value: Math.round(value),
    })
    return {
      facts: [
        fact('start with state, ms', withState),
        fact("bare Node's start, ms", bare),
        fact("start without state, beside IAM's calls, ms", beyondIam),
      ],
      targets: [
        toTarget(`${users} users, start with state / bare Node`, withState, bare, 5),
        toTarget(
          `${users} users, start without state beside IAM's calls / 400 ms`,
          beyondIam,
          400,
          1,
        ),
      ],
    }
  })
}

/** One change a second for `minutes`: memory, descriptors and processes stay as they are. */
export async function measureEndurance(
  minutes: number,
  tell: (text: string) => void,
): Promise<Resident> {
  const users = 500
  tell(`one change a second for ${minutes} minutes, with ${users} users`)
  return withHost(users, async (host) => {
    await host.machine.startResolver()
    const pid = pidOf(host.machine)
    const rows: { memory: Memory; descriptors: number; children: number }[] = []
    const until = performance.now() + minutes * 60_000
    for (let turn = 0; performance.now() < until; turn++) {
      const next = setTimeout(1_000)
      await change(host, turn)
      await next
      if (turn % 60 !== 59) continue
      const row = {
        memory: memoryOf(pid),
        descriptors: descriptorsOf(pid),
        children: children(pid).length,
      }
      rows.push(row)
      const { rssMiB, anonMiB } = row.memory
      tell(
        `minute ${rows.length}: RSS ${rssMiB.toFixed(1)} RssAnon ${anonMiB.toFixed(1)} MiB, ${row.descriptors} descriptors, ${row.children} child processes`,
      )
    }
    // The first minutes fill caches: the half after them is compared with its beginning.
    const half = rows.slice(Math.floor(rows.length / 2))
    const [first, last] = [half.at(0), half.at(-1)]
    if (first === undefined || last === undefined)
      throw new Error('too short: give 2 minutes or more')
    const most = (of: (row: (typeof rows)[number]) => number): number => Math.max(...half.map(of))
    const text = `${minutes} minutes of one change a second`
    return {
      facts: [{ fact: `${text}: RssAnon, MiB`, value: Math.round(last.memory.anonMiB) }],
      targets: [
        toTarget(
          `${text}: RssAnon, growth of the second half, MiB / 4`,
          Math.max(0, last.memory.anonMiB - first.memory.anonMiB),
          4,
          1,
        ),
        toTarget(
          `${text}: descriptors, most / at the half`,
          most(({ descriptors }) => descriptors),
          first.descriptors,
          1.2,
        ),
        toTarget(
          `${text}: child processes at once`,
          most(({ children }) => children),
          2,
          1,
        ),
      ],
    }
  })
}

// How the resolver carries a directory: start, memory, publishing, and answers meanwhile.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { statusDocument } from '../../src/control/documents.ts'
import { startIamServer } from '../support/iam-server.ts'
import { startMachine, type Machine } from '../support/machine.ts'
import { fromGetent, groupNames, groupsOf, toKeys } from './directory.ts'
import { published } from './lookups.ts'
import { installTool, measure } from './measure.ts'
import { percentile, type Fact, type Row } from './report.ts'

export type Growth = {
  readonly rows: readonly Row[]
  readonly facts: readonly Fact[]
  readonly publishMs: number
  readonly idleP99Us: number
  readonly publishingP99Us: number
}

const rate = 1_000
const publishes = 5

/** A lookup: when it was due, milliseconds since the epoch, and how long it took from then. */
type Sample = { readonly due: number; readonly us: number }

function toSamples(output: string): readonly Sample[] {
  return output
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([at, ns]) => ({ due: Number(at) - Number(ns) / 1_000_000, us: Number(ns) / 1_000 }))
}

/** The p99 of a window, and of several windows the median: one hiccup of the machine is not all. */
function p99(windows: readonly (readonly Sample[])[]): number {
  const each = windows.map((samples) =>
    percentile(
      samples.map(({ us }) => us),
      0.99,
    ),
  )
  return Math.round(percentile(each, 0.5))
}

/** Milliseconds from the start of the resolver to the first right answer of a process. */
async function firstAnswer(machine: Machine): Promise<number> {
  const before = process.hrtime.bigint()
  const [{ stdout }] = await Promise.all([
    machine.runAsync('nss-bench wait --service iamlogin --name user1'),
    machine.startResolver(),
  ])
  const at = BigInt(/"at_ns":(\d+)/.exec(stdout)?.[1] ?? '0')
  return Math.round(Number(at - before) / 1_000_000)
}

/** Measures one size of directory, read from an IAM server on loopback. */
export async function measureGrowth(
  users: number,
  ms: number,
  tell: (text: string) => void,
): Promise<Growth> {
  tell(`measuring the resolver with ${users} users`)
  const machine = await startMachine()
  const iam = await startIamServer()
  try {
    installTool(machine)
    iam.setPageSize(1000)
    for (const name of groupNames) iam.addGroup(name)
    for (let user = 0; user < users; user++) iam.addUser(`user${user}`, groupsOf(user))
    machine.write(
      '/etc/iamlogin/iamlogin.toml',
      `[source]\nendpoint = "${iam.url}"\nrefresh = "1h"\n[access]\ngroups = ${JSON.stringify(groupNames)}\n[audit]\njournal = false\n`,
    )
    const cold = await firstAnswer(machine)
    await published(machine)
    await machine.stopResolver()
    rmSync(join(machine.root, 'var/lib/iamlogin/directory.db'))
    const warm = await firstAnswer(machine)
    await published(machine)
    const status = async () => statusDocument.parse(await machine.control('/status'))
    const settled = async () => {
      for (;;) {
        const { snapshot, directory, rssBytes } = await status()
        if (snapshot?.generation === directory.generation) return { snapshot, rssBytes }
        // Asking without a pause would be a load of its own.
        await setTimeout(20)
      }
    }
    const rssMiB = Math.round((await settled()).rssBytes / 1_048_576)

    const paced = (duration: number) =>
      machine.runAsync(
        `nss-bench paced --path /run/iamlogin/resolver.sock --name user1 --runs ${rate} --ms ${duration}`,
      )
    await paced(2_000)
    const idle: (readonly Sample[])[] = []
    for (let turn = 0; turn < publishes; turn++) idle.push(toSamples((await paced(1_000)).stdout))
    const publishing: (readonly Sample[])[] = []
    const refreshing: (readonly Sample[])[] = []
    const took: number[] = []
    for (let turn = 0; turn < publishes; turn++) {
      iam.addUser(`late${turn}`, groupsOf(turn))
      const load = paced(users > 10_000 ? 20_000 : 6_000)
      const begun = Date.now()
      await machine.control('/refresh', 'POST')
      const { snapshot } = await settled()
      took.push(snapshot.tookMs)
      const samples = toSamples((await load).stdout)
      const within = (from: number) =>
        samples.filter(({ due }) => due >= from && due <= snapshot.at)
      refreshing.push(within(begun))
      publishing.push(within(snapshot.at - snapshot.tookMs))
    }
    const people = fromGetent(
      (await machine.runAsync('getent -s iamlogin passwd')).stdout,
      (await machine.runAsync('getent -s iamlogin group')).stdout,
    )
    machine.write('/tmp/users', toKeys(people, 1_000).users)
    const rows: Row[] = []
    for (const op of ['getpwnam', 'getpwuid', 'initgroups']) {
      const args = `lookup --service iamlogin --op ${op} --keys /tmp/users --ms ${ms}`
      rows.push({
        contender: 'iamlogin',
        op,
        users,
        processes: 1,
        ...(await measure(machine, args)),
      })
    }
    const enumeration = await measure(machine, 'enumerate --service iamlogin --op passwd --runs 5')
    const op = 'enumerate passwd'
    rows.push({ contender: 'iamlogin', op, users, processes: 1, ...enumeration })
    const afterMiB = Math.round((await status()).rssBytes / 1_048_576)
    const publishMs = percentile(took, 0.5)
    const [idleP99Us, publishingP99Us] = [p99(idle), p99(publishing)]
    const fact = (what: string, value: number): Fact => ({ fact: `${users} users: ${what}`, value })
    return {
      rows,
      publishMs,
      idleP99Us,
      publishingP99Us,
      facts: [
        fact('start to the first right answer, no state, ms', cold),
        fact('the same with state and no directory.db, ms', warm),
        fact('resolver RSS, MiB', rssMiB),
        fact(`the same after ${publishes} changes, MiB`, afterMiB),
        fact('publishing directory.db, ms', publishMs),
        fact('socket answer p99, idle, us', idleP99Us),
        fact('socket answer p99, publishing, us', publishingP99Us),
        fact('socket answer p99, reading IAM and publishing, us', p99(refreshing)),
        fact('answers timed while publishing', publishing.flat().length),
      ],
    }
  } finally {
    await machine.stop()
    await iam.stop()
  }
}

// How the resolver carries a directory: start, memory, publishing, and answers meanwhile.
import { setTimeout } from 'node:timers/promises'
import { statusDocument } from '../../src/control/documents.ts'
import { startIamServer } from '../support/iam-server.ts'
import { startMachine } from '../support/machine.ts'
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
  /** From the begin of a refresh to the new directory.db in place. */
  readonly readingP99Us: number
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
    await machine.startResolver()
    await published(machine)
    const status = async () => statusDocument.parse(await machine.control('/status'))
    const settled = async () => {
      for (;;) {
        const { snapshot, directory } = await status()
        if (snapshot?.generation === directory.generation) return snapshot
        // Asking without a pause would be a load of its own.
        await setTimeout(20)
      }
    }

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
      const snapshot = await settled()
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
    const publishMs = percentile(took, 0.5)
    const [idleP99Us, publishingP99Us] = [p99(idle), p99(publishing)]
    const readingP99Us = p99(refreshing)
    const fact = (what: string, value: number): Fact => ({ fact: `${users} users: ${what}`, value })
    return {
      rows,
      publishMs,
      idleP99Us,
      publishingP99Us,
      readingP99Us,
      facts: [
        fact('publishing directory.db, ms', publishMs),
        fact('socket answer p99, idle, us', idleP99Us),
        fact('socket answer p99, publishing, us', publishingP99Us),
        fact('socket answer p99, reading IAM and publishing, us', readingP99Us),
        fact('answers timed while publishing', publishing.flat().length),
      ],
    }
  } finally {
    await machine.stop()
    await iam.stop()
  }
}

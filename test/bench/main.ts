// npm run bench: every contender in one run on one machine; a table of ratios, bench.json, a chart.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join, resolve } from 'node:path'
import { chart } from './chart.ts'
import { compareCommands } from './commands.ts'
import { measureGrowth } from './growth.ts'
import { compareLookups } from './lookups.ts'
import { reportText, toTarget, type Row, type Target } from './report.ts'
import { benchRoot } from './root.ts'

const project = resolve(import.meta.dirname, '../..')
const quick = process.argv.includes('--quick')
const ms = quick ? 50 : 500
const many = quick ? 5_000 : 50_000
const few = quick ? 500 : 5_000
const tell = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`)
}

const root = benchRoot(join(project, 'build/bench-root'), tell)
const commands = await compareCommands(quick ? 20 : 300)
const lookups = await compareLookups({ root, users: few, ms, tell })
const small = await measureGrowth(few, ms, tell)
const large = await measureGrowth(many, ms, tell)
const rows: readonly Row[] = [...lookups, ...small.rows, ...large.rows, ...commands]

const find = (from: readonly Row[], contender: string, op: string, processes = 1) =>
  from.find((row) => row.contender === contender && row.op === op && row.processes === processes)
const ratio = (
  text: string,
  value: number | undefined,
  base: number | undefined,
  limit: number,
): readonly Target[] =>
  value === undefined || base === undefined ? [] : [toTarget(text, value, base, limit)]
const against = (
  text: string,
  [ours, op]: readonly [string, string],
  [peer, peerOp]: readonly [string, string],
  limit: number,
): readonly Target[] =>
  ratio(text, find(lookups, ours, op)?.callUs, find(lookups, peer, peerOp)?.callUs, limit)

const cached = 'SSSD, memory cache'
const uncached = 'SSSD, no memory cache'
const targets: readonly Target[] = [
  ...['getpwnam', 'getpwuid'].flatMap((op) => [
    ...against(`${op}: hit / SSSD memory cache`, ['iamlogin', op], [cached, op], 1 / 3),
    ...against(`${op}: hit / nslcd`, ['iamlogin', op], ['nslcd', op], 1 / 100),
    ...against(`${op}: socket / SSSD uncached`, ['iamlogin, socket', op], [uncached, op], 1),
  ]),
  ...against(
    'a miss that asks / SSSD uncached',
    ['iamlogin, miss that asks', 'getpwuid'],
    [uncached, 'getpwuid'],
    1,
  ),
  ...against('initgroups / SSSD', ['iamlogin', 'initgroups'], [cached, 'initgroups'], 1 / 2),
  ...ratio(
    'p99 of 64 processes / p50 of one',
    find(lookups, 'iamlogin', 'getpwnam', 64)?.p99Us,
    find(lookups, 'iamlogin', 'getpwnam')?.p50Us,
    3,
  ),
  ...['getpwnam', 'getpwuid'].flatMap((op) =>
    ratio(
      `${op}: ${many} users / ${few}`,
      find(large.rows, 'iamlogin', op)?.callUs,
      find(small.rows, 'iamlogin', op)?.callUs,
      1.3,
    ),
  ),
  ...ratio(`publishing ${many} users / 1 s`, large.publishMs, 1_000, 1),
  ...ratio(
    `socket p99: publishing ${many} users / idle`,
    large.publishingP99Us,
    large.idleP99Us,
    5,
  ),
  ...against(
    'socket lookup / bare ping-pong',
    ['iamlogin, socket', 'getpwnam'],
    ['bare ping-pong, Node', 'ping'],
    2,
  ),
  ...ratio('key command / aws --version', commands[0]?.p50Us, commands[1]?.p50Us, 1 / 50),
]
// Milliseconds that the module adds to a login, against the 5 that it may.
const [, , pamUnix, pamBoth] = commands
const pamTargets = ratio(
  'PAM: what pam_iamlogin adds / 5 ms',
  pamBoth === undefined || pamUnix === undefined ? undefined : pamBoth.p50Us - pamUnix.p50Us,
  5_000,
  1,
)
const all = [...targets, ...pamTargets]
const facts = [
  {
    fact: 'machine',
    value: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}`,
  },
  ...small.facts,
  ...large.facts,
]
process.stdout.write(`${reportText(rows, all, facts)}\n`)
if (!quick) {
  writeFileSync(
    join(project, 'bench.json'),
    `${JSON.stringify({ facts, rows, targets: all }, null, 2)}\n`,
  )
  const bars = lookups
    .filter(({ op, processes }) => op === 'getpwnam' && processes === 1)
    .filter(({ contender }) => !contender.includes('reserved'))
    .map(({ contender, callUs }) => ({
      label: contender,
      us: callUs,
      ours: contender.startsWith('iamlogin'),
    }))
  mkdirSync(join(project, 'docs/bench'), { recursive: true })
  writeFileSync(
    join(project, 'docs/bench/getpwnam.svg'),
    chart(`getpwnam, ${few} users and 300 groups: time of one lookup`, bars),
  )
}
if (process.argv.includes('--check') && all.some((target) => !target.met)) process.exitCode = 1

// npm run bench: every contender in one run on one machine; a table of ratios, bench.json, a chart.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chart } from './chart.ts'
import { compareCommands } from './commands.ts'
import { measureGrowth, type Growth } from './growth.ts'
import { compareLookups } from './lookups.ts'
import { reportText, type Fact, type Row, type Target } from './report.ts'
import {
  fewBars,
  manyBars,
  measureEndurance,
  measureResident,
  measureStart,
  type Resident,
} from './resident.ts'
import { benchRoot } from './root.ts'
import { commandTargets, growthTargets, lookupTargets } from './targets.ts'

const help = `Usage: npm run bench -- [options]

  --quick            smaller directories, shorter runs; bench.json and the chart stay as they are
  --only=TEXT        parts whose name has TEXT alone: commands, lookups, growth, resident, start
  --endurance[=MIN]  one change a second for MIN minutes (40), and nothing else
  --check            a ratio that is missed is a failure
`
const endurance = process.argv.find((each) => each.startsWith('--endurance'))
const { quick, check, only, ...asked } = parseArgs({
  args: process.argv.slice(2).filter((each) => each !== endurance),
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
}).values
if (asked.help) {
  process.stdout.write(help)
  process.exit(0)
}
const minutes = endurance === undefined ? undefined : Number(endurance.split('=')[1] ?? 40)
if (minutes !== undefined && !(minutes >= 2)) throw new Error('--endurance=MIN: 2 minutes or more')

const project = resolve(import.meta.dirname, '../..')
const ms = quick ? 50 : 500
const many = quick ? 5_000 : 50_000
const few = quick ? 500 : 5_000
const tell = (text: string): void => {
  process.stderr.write(`bench: ${text}\n`)
}

/** What the parts found. */
const rows: Row[] = []
const facts: Fact[] = []
const targets: Target[] = []
let lookups: readonly Row[] = []
const growths: { readonly users: number; readonly growth: Growth }[] = []

function takeResident(found: Resident): void {
  facts.push(...found.facts)
  targets.push(...found.targets)
}

function takeGrowth(users: number, growth: Growth): void {
  growths.push({ users, growth })
  rows.push(...growth.rows)
  facts.push(...growth.facts)
  const [small, large] = growths
  if (small !== undefined && large !== undefined) targets.push(...growthTargets(small, large))
}

function writeChart(): void {
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

const parts: Readonly<Record<string, () => Promise<void>>> = {
  start: async () => {
    takeResident(await measureStart(few, tell))
  },
  'resident few': async () => {
    takeResident(await measureResident(few, fewBars, tell))
  },
  'resident many': async () => {
    takeResident(await measureResident(many, quick ? fewBars : manyBars, tell))
  },
  commands: async () => {
    const found = await compareCommands(quick ? 20 : 300)
    rows.push(...found)
    targets.push(...commandTargets(found))
  },
  lookups: async () => {
    const root = benchRoot(join(project, 'build/bench-root'), tell)
    lookups = await compareLookups({ root, users: few, ms, tell })
    rows.push(...lookups)
    targets.push(...lookupTargets(lookups))
  },
  'growth few': async () => {
    takeGrowth(few, await measureGrowth(few, ms, tell))
  },
  'growth many': async () => {
    takeGrowth(many, await measureGrowth(many, ms, tell))
  },
}

const model = cpus()[0]?.model ?? 'unknown'
facts.push({ fact: 'machine', value: `${cpus().length} x ${model}, Linux ${release()}` })
if (minutes !== undefined) takeResident(await measureEndurance(minutes, tell))
else
  for (const [name, run] of Object.entries(parts))
    if (only === undefined || name.includes(only)) await run()
process.stdout.write(`${reportText(rows, targets, facts)}\n`)
if (!quick && only === undefined && minutes === undefined) {
  const text = JSON.stringify({ facts, rows, targets }, null, 2)
  writeFileSync(join(project, 'bench.json'), `${text}\n`)
  writeChart()
}
if (check && targets.some((target) => !target.met)) process.exitCode = 1

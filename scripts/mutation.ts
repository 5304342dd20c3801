// npm run test:mutation: mutates rooms of src/ and says which changes their unit tests would not notice.
//   node scripts/mutation.ts            the rooms of MUTATION_ROOMS, by default those with a bar, whole
//   node scripts/mutation.ts FILE...    these files of src/
//   node scripts/mutation.ts --slice    what each npm test runs
// Ends 1 where a bar of scripts/mutation/plan.ts is missed.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { table } from '../src/cli/print.ts'
import {
  partsOf,
  reportFile,
  roomBars,
  sliceParts,
  testsVariable,
  type Part,
} from './mutation/plan.ts'
import {
  isMissed,
  scores,
  survivorsOf,
  type ReportedFiles,
  type Score,
} from './mutation/verdict.ts'

function run({ files, tests, ignoreStatic }: Part): ReportedFiles {
  rmSync(reportFile, { force: true })
  const options = ['--mutate', files.join(','), ...(ignoreStatic ? ['--ignoreStatic'] : [])]
  const { status, error } = spawnSync('stryker', ['run', 'stryker.config.ts', ...options], {
    env: { ...process.env, [testsVariable]: tests.join(',') },
    stdio: 'inherit',
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`stryker ended ${status ?? 'by a signal'} for ${files.join()}`)
  return (JSON.parse(readFileSync(reportFile, 'utf8')) as { files: ReportedFiles }).files
}

function row(score: Score): Readonly<Record<string, string | number>> {
  const { name, killed, survived, ignored, bar } = score
  return {
    file: name,
    killed,
    survived,
    ignored,
    'score %': score.score.toFixed(1),
    'bar %': bar ?? '',
    '': isMissed(score) ? 'MISSED' : '',
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { slice: { type: 'boolean', default: false } },
})
const isWhole = !values.slice && positionals.length === 0
const wantedRooms = process.env['MUTATION_ROOMS']?.split(',') ?? Object.keys(roomBars)
const rooms = isWhole ? wantedRooms : []
const named = isWhole ? rooms.flatMap((room) => globSync(`src/${room}/**/*.ts`)) : positionals
const parts = values.slice ? sliceParts() : partsOf(named.toSorted())

const reported = Object.assign({}, ...parts.map(run)) as ReportedFiles
const wanted = parts.flatMap(({ files }) => files).toSorted()
const result = scores(reported, wanted, rooms)
const missed = result.filter(isMissed)
for (const line of survivorsOf(reported, isWhole || values.slice ? missed : result))
  console.log(line)
console.log(table(result.map(row), 'nothing was mutated'))
process.exitCode = missed.length === 0 && result.length > 0 ? 0 : 1

// npm run test:mutation: which scores are enough, and what is said where they are not.
import { existsSync, globSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decidingFiles, partsOf, roomBars, sliceParts } from '../scripts/mutation/plan.ts'
import { isMissed, scores, survivorsOf, type ReportedFiles } from '../scripts/mutation/verdict.ts'

type Mutants = ReportedFiles[string]['mutants']

/** The report of one file of which so many mutants have each status. */
function aFile(counts: Partial<Record<Mutants[number]['status'], number>>): ReportedFiles[string] {
  const location = { start: { line: 3, column: 7 }, end: { line: 3, column: 9 } }
  const mutants = Object.entries(counts).flatMap(([status, count]) =>
    Array.from({ length: count }, (_, at) => ({
      ...{ id: `${status}${at}`, mutatorName: 'EqualityOperator', replacement: 'id >  max' },
      ...{ status: status as Mutants[number]['status'], location },
    })),
  )
  return { language: 'typescript', source: 'a\nb\nc', mutants }
}

const ids = 'src/directory/ids.ts'
const diff = 'src/directory/diff.ts'

describe('the plan of the mutants', () => {
  it('names files, rooms and tests that exist', () => {
    const parts = [...sliceParts(), ...partsOf(decidingFiles)]
    for (const file of parts.flatMap(({ files }) => files)) expect(existsSync(file)).toBe(true)
    for (const tests of parts.flatMap(({ tests }) => tests))
      expect(globSync(tests)).not.toHaveLength(0)
    for (const room of Object.keys(roomBars)) expect(existsSync(`src/${room}`)).toBe(true)
  })

  it('leaves out static mutants only of files that do not decide', () => {
    expect(partsOf([ids, diff, 'src/keys/lookup.ts'])).toEqual([
      { files: [ids], tests: ['test/directory/**/*.test.ts'], ignoreStatic: false },
      { files: [diff], tests: ['test/directory/**/*.test.ts'], ignoreStatic: true },
      { files: ['src/keys/lookup.ts'], tests: ['test/keys/**/*.test.ts'], ignoreStatic: true },
    ])
  })
})

describe('the scores of the mutants', () => {
  const missedOf = (reported: ReportedFiles, rooms: readonly string[] = []) =>
    scores(reported, Object.keys(reported), rooms)
      .filter(isMissed)
      .map(({ name }) => name)

  it('miss the bar of a deciding file below 95 %, of a room below 85 %', () => {
    expect(missedOf({ [ids]: aFile({ Killed: 18, Timeout: 1, Survived: 1 }) })).toEqual([])
    expect(missedOf({ [ids]: aFile({ Killed: 18, Survived: 1 }) })).toEqual([ids])
    const files = { [ids]: aFile({ Killed: 20 }), [diff]: aFile({ Killed: 14, NoCoverage: 6 }) }
    expect(missedOf(files)).toEqual([])
    expect(missedOf(files, ['directory'])).toEqual([])
    const worse = { ...files, [diff]: aFile({ Killed: 13, Survived: 7 }) }
    expect(missedOf(worse, ['directory'])).toEqual(['src/directory'])
    expect(missedOf({ 'src/refresh/store.ts': aFile({ Survived: 9 }) }, ['refresh'])).toEqual([])
  })

  it('count what has no test as survived, and neither what is left out nor what does not compile', () => {
    const [score] = scores(
      { [ids]: aFile({ Killed: 3, NoCoverage: 1, Ignored: 5, CompileError: 7, RuntimeError: 2 }) },
      [ids],
      [],
    )
    expect(score).toMatchObject({ score: 75, killed: 3, survived: 1, ignored: 5 })
  })

  it('miss the bar of a file that was not mutated', () => {
    expect(scores({}, [ids], ['directory']).map(isMissed)).toEqual([true, true])
  })

  it('name the place of each mutant that survived, of what is below its bar', () => {
    const reported = {
      [ids]: aFile({ Killed: 1, Survived: 1 }),
      [diff]: aFile({ NoCoverage: 1 }),
      'src/access/door.ts': aFile({ Survived: 1 }),
    }
    const told = (name: string) =>
      survivorsOf(
        reported,
        scores(reported, [ids], ['directory']).filter((score) => score.name === name),
      )
    expect(told(ids)).toEqual([`${ids}:3:7 EqualityOperator -> id > max`])
    expect(told('src/directory')).toEqual([
      `${ids}:3:7 EqualityOperator -> id > max`,
      `${diff}:3:7 EqualityOperator -> id > max`,
    ])
  })
})

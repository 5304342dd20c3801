// Which files are mutated, against which tests, and which share of their mutants these have to kill.

/** Where Stryker writes the report of one run. */
export const reportFile = 'build/mutation/report.json'

/** Environment variable: the globs of the tests, comma-separated. */
export const testsVariable = 'MUTATION_TESTS'

/** Per cent of the mutants of a room; rooms that are not named have none, their figure is told. */
export const roomBars: Readonly<Record<string, number>> = {
  directory: 85,
  access: 85,
  keys: 85,
}

/** Per cent of the mutants of each deciding file, its constants included. */
export const decidingBar = 95

/**
 * Files that decide which ids are given, what is local to the host, and who may come in. Their static
 * mutants count: a changed constant of theirs is another uid, or another person.
 */
export const decidingFiles: readonly string[] = [
  'src/access/door.ts',
  'src/directory/access.ts',
  'src/directory/ids.ts',
  'src/directory/local.ts',
]

/** Those that each `npm test` mutates: the run takes two minutes at most, which `door.ts` would double. */
export const sliceFiles: readonly string[] = decidingFiles.filter(
  (file) => file !== 'src/access/door.ts',
)

/** One run of Stryker. */
export type Part = {
  readonly files: readonly string[]
  readonly tests: readonly string[]
  /** Whether mutants of what is computed once at import are left out. */
  readonly ignoreStatic: boolean
}

function isDeciding(file: string): boolean {
  return decidingFiles.includes(file)
}

function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

/** The slice: each file against the tests of that file alone. */
export function sliceParts(): readonly Part[] {
  const tests = sliceFiles.map((file) => file.replace(/^src\/(.*)\.ts$/, 'test/$1.test.ts'))
  return [{ files: sliceFiles, tests, ignoreStatic: false }]
}

/** The given files, each against the unit tests of its room; deciding files apart, for their constants. */
export function partsOf(files: readonly string[]): readonly Part[] {
  return [...new Set(files.map(roomOf))].flatMap((room) =>
    [true, false].flatMap((deciding): readonly Part[] => {
      const chosen = files.filter((file) => roomOf(file) === room && isDeciding(file) === deciding)
      const tests = [`test/${room}/**/*.test.ts`]
      return chosen.length === 0 ? [] : [{ files: chosen, tests, ignoreStatic: !deciding }]
    }),
  )
}

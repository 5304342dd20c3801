// Reports of Stryker -> a score for each file and room, and where the bars are missed. Pure.
import { calculateMetrics } from 'mutation-testing-metrics'
import { decidingBar, decidingFiles, roomBars } from './plan.ts'

/** Of the mutation-testing report schema: file -> its mutants. */
export type ReportedFiles = Parameters<typeof calculateMetrics>[0]

/** The score of a file, or of a room. */
export type Score = {
  readonly name: string
  readonly killed: number
  readonly survived: number
  readonly ignored: number
  /** Per cent of the valid mutants that are killed or run into a time-out; 0 where there is none. */
  readonly score: number
  /** Per cent that must be reached. */
  readonly bar: number | undefined
}

export function isMissed({ score, bar }: Score): boolean {
  return bar !== undefined && score < bar
}

function scoreOf(name: string, files: ReportedFiles, bar: number | undefined): Score {
  const { metrics } = calculateMetrics(files)
  const { totalDetected, totalUndetected, totalValid, ignored } = metrics
  const score = totalValid === 0 ? 0 : metrics.mutationScore
  return { name, killed: totalDetected, survived: totalUndetected, ignored, score, bar }
}

/**
 * A row for each file that was to be mutated; for a whole room another one, after its files. A file
 * without a mutant has the score 0: a bar is not met by what was not tried.
 * @param rooms those of which every file is in `wanted`
 */
export function scores(
  reported: ReportedFiles,
  wanted: readonly string[],
  rooms: readonly string[],
): readonly Score[] {
  const within = (chosen: (name: string) => boolean): ReportedFiles =>
    Object.fromEntries(Object.entries(reported).filter(([name]) => chosen(name)))
  const files = wanted.map((file) =>
    scoreOf(
      file,
      within((name) => name === file),
      decidingFiles.includes(file) ? decidingBar : undefined,
    ),
  )
  const whole = rooms.map((room) =>
    scoreOf(
      `src/${room}`,
      within((name) => name.startsWith(`src/${room}/`)),
      roomBars[room],
    ),
  )
  return [...files, ...whole]
}

/** Each mutant that no test noticed: `file:line:column mutator -> replacement`. */
export function survivorsOf(reported: ReportedFiles, missed: readonly Score[]): readonly string[] {
  const isShown = (file: string): boolean =>
    missed.some(({ name }) => name === file || file.startsWith(`${name}/`))
  return Object.entries(reported)
    .filter(([file]) => isShown(file))
    .flatMap(([file, { mutants }]) =>
      mutants
        .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
        .map(({ location: { start }, mutatorName, replacement = '' }) => {
          const text = replacement.replace(/\s+/g, ' ')
          return `${file}:${start.line}:${start.column} ${mutatorName} -> ${text.slice(0, 100)}`
        }),
    )
}

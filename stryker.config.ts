// How Stryker runs; scripts/mutation.ts says which files it mutates and against which tests.
import type { PartialStrykerOptions } from '@stryker-mutator/api/core'
import { reportFile } from './scripts/mutation/plan.ts'

const options: PartialStrykerOptions = {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  tempDirName: 'build/mutation/sandbox',
  reporters: ['json'],
  jsonReporter: { fileName: reportFile },
  ignorePatterns: ['build', 'dist', 'out', 'docs', 'packaging', '*.log'],
}
export default options

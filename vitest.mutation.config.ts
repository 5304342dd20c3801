// The tests that mutants are run against: scripts/mutation.ts names them.
import { defineConfig } from 'vitest/config'
import { testsVariable } from './scripts/mutation/plan.ts'

export default defineConfig({
  test: {
    include: (process.env[testsVariable] ?? '').split(','),
    setupFiles: ['test/support/fixed-seed.ts'],
    testTimeout: 30_000,
  },
})

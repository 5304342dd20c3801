// What Stryker runs: each room is judged by its own unit tests alone.
import { defineConfig } from 'vitest/config'

const rooms = process.env['MUTATION_ROOMS'] ?? 'directory,access'

export default defineConfig({
  test: {
    include: rooms.split(',').map((room) => `test/${room}/**/*.test.ts`),
    testTimeout: 30_000,
  },
})

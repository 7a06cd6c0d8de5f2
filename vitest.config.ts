import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    pool: 'forks',
    // Tests with real sockets starve one another when there are more of them than cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    // Its own default of a second is less than a busy machine may let a browser wait.
    expect: { poll: { timeout: 15_000 } },
    restoreMocks: true,
  },
})

export default config

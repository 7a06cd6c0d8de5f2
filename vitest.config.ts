import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Tests that fill a process: many peers of libp2p, browsers, daemons and installations. Each file gets one of its own. */
const ALONE = ['integration', 'interop', 'dashboard', 'package'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

const config: ViteUserConfig = defineConfig({
  test: {
    pool: 'forks',
    // Tests with real sockets starve one another when there are more of them than cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    // Its own default of a second is less than a busy machine may let a browser wait.
    expect: { poll: { timeout: 15_000 } },
    restoreMocks: true,
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: ['test/bench/**', ...ALONE],
          // To load libp2p and the rest anew for each of a hundred files would be a third of the time of all tests.
          isolate: false,
        },
      },
    ],
  },
})

export default config

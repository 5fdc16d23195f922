import { defineConfig } from 'vitest/config';

const labs = 'packages/lab/src/**/*.lab.test.ts';

export default defineConfig({
  ssr: { resolve: { conditions: ['throwover-source', 'node'] } },
  test: {
    pool: 'forks',
    // Fails a file that leaves servers, timers or processes.
    setupFiles: ['packages/lab/src/fixtures/leftovers.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['packages/*/src/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: [labs],
          maxWorkers: 2,
        },
      },
      {
        // A whole lab is two regions of processes, and its people wait for answers: beside other
        // tests it would measure the machine.
        extends: true,
        test: { name: 'labs', include: [labs], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});

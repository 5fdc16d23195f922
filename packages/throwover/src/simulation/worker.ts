import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { runSeed, type SeedResult } from './run-seed.ts';
import type { ScenarioOptions } from './scenario.ts';

/** A request to a worker: run these seeds, one after the other. */
export interface Batch {
  readonly seeds: readonly number[];
  readonly options: ScenarioOptions;
}

const port = parentPort;
if (port === null) throw new Error('runs as a worker thread');

/** Unhandled rejections; each one is a bug of the code under test. */
const stray: unknown[] = [];
process.on('unhandledRejection', (reason) => stray.push(reason));

port.on('message', async ({ seeds, options }: Batch) => {
  const results: SeedResult[] = [];
  for (const seed of seeds) {
    let result = await runSeed(seed, options);
    // Rejections are reported after a turn of the event loop.
    await setImmediate();
    if (stray.length > 0) result = withStray(result);
    results.push(result);
  }
  port.postMessage(results);
});

function withStray(result: SeedResult): SeedResult {
  const found = stray.splice(0).map((reason) => ({
    rule: 'bug' as const,
    text: `unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`,
  }));
  return { ...result, violations: [...result.violations, ...found] };
}

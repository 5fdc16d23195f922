import { Worker } from 'node:worker_threads';
import type { SeedResult } from './run-seed.ts';
import type { ScenarioOptions } from './scenario.ts';
import type { Batch } from './worker.ts';

/**
 * Number of seeds that a worker gets at a time: enough that the requests cost nothing, few enough
 * to end soon.
 */
const batchSize = 20;

/**
 * Runs seeds `from` to `from + count - 1` on worker threads. `onResult` is called for each result
 * in no particular order; it ends the work early when it returns `stop`.
 */
export async function runSeeds(input: {
  from: number;
  count: number;
  workers: number;
  options: ScenarioOptions;
  onResult: (result: SeedResult) => 'stop' | undefined;
}): Promise<void> {
  const { from, count, options, onResult } = input;
  let next = from;
  let stopped = false;
  const end = from + count;
  const take = (): Batch | null => {
    if (stopped || next >= end) return null;
    const seeds: number[] = [];
    while (seeds.length < batchSize && next < end) seeds.push(next++);
    return { seeds, options };
  };
  const url = workerUrl();
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(url, { execArgv: argvFor(url) });
      const ask = () => {
        const batch = take();
        if (batch !== null) {
          worker.postMessage(batch);
          return;
        }
        resolve();
        void worker.terminate();
      };
      worker.on('error', reject);
      worker.on('exit', (code) => {
        if (code !== 0 && !stopped && next < end) reject(new Error(`a worker ended with ${code}`));
      });
      worker.on('message', (results: SeedResult[]) => {
        for (const result of results) {
          if (!stopped && onResult(result) === 'stop') stopped = true;
        }
        ask();
      });
      ask();
    });
  await Promise.all(Array.from({ length: Math.min(input.workers, count) }, one));
}

/** The file beside this one: TypeScript in the repository, JavaScript in the package. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./worker.${extension}`, import.meta.url);
}

/**
 * Returns the workers' arguments: in a clone they run the sources of every package, as the command
 * itself does.
 */
function argvFor(url: URL): string[] {
  const condition = '--conditions=throwover-source';
  const inSources = url.pathname.endsWith('.ts') && !process.execArgv.includes(condition);
  return inSources ? [...process.execArgv, condition] : process.execArgv;
}

/**
 * Process: one region's functions behind the Lambda HTTP API.
 *
 *   function-pool.ts  the process: reads its configuration, serves the API, ends its instances
 *   config.ts         its configuration, with the limits and their sources
 *   api.ts            paths and shapes of the Lambda API
 *   lambda-error.ts   errors in its shape
 *   pool.ts           one function: versions, aliases, which instance takes a request, reaping
 *   provisioned.ts    warm capacity of one alias
 *   on-demand.ts      instances that requests start
 *   concurrency.ts    how many at once; scale-up.ts how fast more are added
 *   instance.ts       one child process; runtime.ts its program; messages.ts their messages
 *   code-hash.ts      hash of the deployed code
 *
 * One difference to Lambda: Lambda freezes an instance between two requests, this pool lets it run.
 */
import { fileURLToPath } from 'node:url';
import { type Clock, type Random, systemClock, systemRandom } from 'throwover/kernel';
import { type Running, runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { lambdaApi } from './api.ts';
import { functionCode } from './code-hash.ts';
import { type PoolConfig, poolConfig } from './config.ts';
import { Pool } from './pool.ts';

const labSources = fileURLToPath(new URL('..', import.meta.url));

export async function startFunctionPool(
  config: PoolConfig,
  clock: Clock,
  random: Random,
): Promise<Running> {
  const codeDir = config.function.codeDir ?? labSources;
  const code = await functionCode(codeDir, config.function.handler);
  const pool = new Pool({ config, clock, random, codeDir });
  const server = await serveApp(lambdaApi(config, pool, code), config).catch(async (error) => {
    await pool.close();
    throw error;
  });
  return {
    addresses: { url: server.url },
    close: async () => {
      await Promise.all([pool.close(), server.close()]);
    },
  };
}

if (import.meta.main) {
  await runProcess('function-pool', poolConfig, (config) =>
    startFunctionPool(config, systemClock, systemRandom),
  );
}

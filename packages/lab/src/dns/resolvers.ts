/**
 * The lab's caching resolvers; one process, started with its configuration (resolver-server.ts) as JSON.
 *
 *   behaviour.ts  what the names of behaviours stand for
 *   cache.ts      a cache that keeps, ends, prefetches and serves stale
 *   upstream.ts   asks the authoritative server
 */
import { systemClock, systemRandom } from 'throwover/kernel';
import { runProcess } from '../entry.ts';
import { resolversConfig, startResolvers } from './resolver-server.ts';

await runProcess('resolvers', resolversConfig, async (config) => {
  const resolvers = await startResolvers(config, { clock: systemClock, random: systemRandom });
  return {
    addresses: Object.fromEntries(
      resolvers.ports.map((port, index) => [`${index}`, `${config.host}:${port}`]),
    ),
    close: resolvers.close,
  };
});

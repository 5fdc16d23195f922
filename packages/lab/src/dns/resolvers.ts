/**
 * The lab's caching resolvers; one process, started with its configuration (resolver-server.ts) as
 * JSON.
 *
 *   behaviour.ts  the settings behind each behaviour
 *   cache.ts      a cache that keeps, expires, prefetches and serves stale answers
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

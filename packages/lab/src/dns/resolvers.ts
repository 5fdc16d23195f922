/**
 * The lab's caching resolvers; one process, started with its configuration as JSON.
 *
 *   behaviour.ts  the settings behind each behaviour
 *   cache.ts      a cache that keeps, expires, prefetches and serves stale answers
 *   upstream.ts   asks the authoritative server
 */
import { type Clock, type Random, systemClock, systemRandom } from 'throwover/kernel';
import { z } from 'zod';
import { runProcess } from '../entry.ts';
import { endpoint, port } from '../schemas.ts';
import { responder } from './answer.ts';
import { cachePolicy } from './behaviour.ts';
import { ResolverCache } from './cache.ts';
import { type DnsListener, listenDns } from './listen.ts';
import { dnsUpstream } from './upstream.ts';

/** Assumed age of a resolver's first answer, as a share of the time for which it keeps answers. */
const firstAgeShare = z.number().min(0).max(0.99).optional();

/** Source address of its queries, so that name servers can distinguish resolvers. */
const from = z.ipv4().optional();

const resolversConfig = z.strictObject({
  host: z.string(),
  timeScale: z.number().min(1),
  authoritative: endpoint,
  /** Ports of name servers that the authoritative one refers to, by address. */
  nameserverPorts: z.record(z.ipv4(), port).optional(),
  resolvers: z
    .array(
      z.discriminatedUnion('behaviour', [
        z.strictObject({
          port,
          behaviour: z.enum(['clamped', 'long-hold']),
          /** Life seconds; default 300 for clamped and 900 for long-hold. */
          holdSeconds: z.number().positive().optional(),
          firstAgeShare,
          from,
        }),
        z.strictObject({
          port,
          behaviour: z.enum(['honest', 'serve-stale', 'serve-stale-refresh', 'prefetch']),
          firstAgeShare,
          from,
        }),
      ]),
    )
    .min(1),
});
export type ResolversConfig = z.infer<typeof resolversConfig>;

export type Resolvers = Awaited<ReturnType<typeof startResolvers>>;

/**
 * Starts caching resolvers, each with its own cache, all asking one authoritative server. Their ports
 * are in the order of the configuration.
 */
export async function startResolvers(
  config: ResolversConfig,
  options: { clock: Clock; random: Random },
) {
  const listeners: DnsListener[] = [];
  const close = async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  try {
    for (const resolver of config.resolvers) {
      const policy = cachePolicy({ ...resolver, timeScale: config.timeScale });
      const upstream = dnsUpstream({
        ...config.authoritative,
        ...{ from: resolver.from, nameserverPorts: config.nameserverPorts },
        ...options,
      });
      const cache = new ResolverCache({ policy, clock: options.clock, upstream });
      const respond = responder(true, (question) => cache.resolve(question));
      listeners.push(await listenDns({ host: config.host, port: resolver.port, respond }));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { ports: listeners.map((listener) => listener.port), close };
}

if (import.meta.main) {
  await runProcess('resolvers', resolversConfig, async (config) => {
    const resolvers = await startResolvers(config, { clock: systemClock, random: systemRandom });
    const addresses = resolvers.ports.map((port, index) => [`${index}`, `${config.host}:${port}`]);
    return { addresses: Object.fromEntries(addresses), close: resolvers.close };
  });
}

import type { Clock, Random } from 'throwover/kernel';
import { z } from 'zod';
import { endpoint, port } from '../schemas.ts';
import { encodeReply, errorReply, parseQuery } from './answer.ts';
import { cachePolicy } from './behaviour.ts';
import { ResolverCache } from './cache.ts';
import { type DnsListener, listenDns } from './listen.ts';
import { dnsUpstream } from './upstream.ts';

/** Assumed age of a resolver's first answer, as a share of the time for which it keeps answers. */
const firstAgeShare = z.number().min(0).max(0.99).optional();

/** Source address of its queries, so that name servers can distinguish resolvers. */
const from = z.ipv4().optional();

export const resolversConfig = z.strictObject({
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

export interface Resolvers {
  /** In the order of the configuration. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** Starts caching resolvers, each with its own cache, all asking one authoritative server. */
export async function startResolvers(
  config: ResolversConfig,
  options: { clock: Clock; random: Random },
): Promise<Resolvers> {
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
      listeners.push(await listenResolver(config.host, resolver.port, cache));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { ports: listeners.map((listener) => listener.port), close };
}

function listenResolver(host: string, port: number, cache: ResolverCache): Promise<DnsListener> {
  return listenDns({
    host,
    port,
    respond: async (message, transport) => {
      const parsed = parseQuery(message);
      if (parsed === 'drop') return null;
      const wire = { transport, recursionAvailable: true };
      if ('turnedAway' in parsed) {
        return encodeReply(parsed.packet, errorReply(parsed.turnedAway), wire);
      }
      const { packet, question } = parsed.query;
      return encodeReply(packet, await cache.resolve(question), wire);
    },
  });
}

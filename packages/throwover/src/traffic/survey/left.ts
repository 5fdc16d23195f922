import { Resolver } from 'node:dns/promises';

/** Longest wait for one answer, ms; one try: a forecast does not keep anybody waiting. */
const timeoutMs = 1_500;

/** Resolvers asked at once at most. */
const mostResolvers = 50;

/**
 * What each resolver says to be left of its answer to a name, ms as they pass here; one query each, as any
 * client asks. Resolvers that do not answer are left out, and so are aliases: they tell no TTL. `server` is
 * `192.0.2.1:53` or `[2001:db8::1]:53`.
 */
export async function answersLeft(
  servers: readonly string[],
  { name, type }: { readonly name: string; readonly type: string },
): Promise<ReadonlyMap<string, number>> {
  if (type === 'CNAME') return new Map();
  const left = await Promise.all(
    servers.slice(0, mostResolvers).map(async (server): Promise<readonly [string, number][]> => {
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
      try {
        resolver.setServers([server]);
        const answers =
          type === 'AAAA'
            ? await resolver.resolve6(name, { ttl: true })
            : await resolver.resolve4(name, { ttl: true });
        return answers.slice(0, 1).map(({ ttl }) => [server, ttl * 1_000]);
      } catch (error) {
        // c-ares's own word: away, refused, no such name. What has none is a bug.
        if (!(error instanceof Error && 'code' in error)) throw error;
        return [];
      }
    }),
  );
  return new Map(left.flat());
}

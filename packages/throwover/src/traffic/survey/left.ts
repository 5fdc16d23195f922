import { Resolver } from 'node:dns/promises';
import type { Clock } from '../../kernel/kernel.ts';

/** Longest wait for one answer, ms; one try: a forecast does not keep anybody waiting. */
const timeoutMs = 1_500;

/** Resolvers asked at once at most. */
const mostResolvers = 50;

/** Where a second is long: how often it is asked until the second turns, and for how long at most, ms. */
const turnStepMs = 50;
const turnWithinMs = 1_200;

/**
 * What is left of each resolver's answer to a name, ms as they pass here; asked as any client asks. Resolvers
 * that do not answer are left out, and so are aliases: they tell no TTL. `server` is `192.0.2.1:53` or
 * `[2001:db8::1]:53`.
 *
 * One query each, and the TTL as it is told: whole seconds, up to one less by now. With `exact` (where time is
 * scaled a second stands for a minute) each is asked on until its second turns, and left out where it does
 * not; what is left is then counted to the end of this call, and less than 0 where it has ended since.
 */
export async function answersLeft(
  servers: readonly string[],
  { name, type }: { readonly name: string; readonly type: string },
  { exact, clock }: { readonly exact: boolean; readonly clock: Clock },
): Promise<ReadonlyMap<string, number>> {
  if (type === 'CNAME') return new Map();
  const told = await Promise.all(
    servers.slice(0, mostResolvers).map(async (server) => {
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
      resolver.setServers([server]);
      const ask = () => askOnce(resolver, name, type, clock);
      const first = await ask();
      const last = first !== null && exact ? await atTurn(first, ask, clock) : first;
      return last === null ? [] : [[server, last] as const];
    }),
  );
  const nowMs = clock.monotonicMs();
  return new Map(
    told.flat().map(([server, { endsMs, ttlMs }]) => [server, exact ? endsMs - nowMs : ttlMs]),
  );
}

interface Told {
  readonly ttlMs: number;
  /** By the TTL, if the second had begun when it was asked; monotonic. */
  readonly endsMs: number;
}

async function askOnce(
  resolver: Resolver,
  name: string,
  type: string,
  clock: Clock,
): Promise<Told | null> {
  const sentMs = clock.monotonicMs();
  try {
    const [answer] =
      type === 'AAAA'
        ? await resolver.resolve6(name, { ttl: true })
        : await resolver.resolve4(name, { ttl: true });
    if (answer === undefined) return null;
    const ttlMs = answer.ttl * 1_000;
    return { ttlMs, endsMs: (sentMs + clock.monotonicMs()) / 2 + ttlMs };
  } catch (error) {
    // c-ares's own word: away, refused, no such name. What has none is a bug.
    if (!(error instanceof Error && 'code' in error)) throw error;
    return null;
  }
}

/** The first answer with another TTL: its second has just begun. `null`: none came, as where all are told 1 s. */
async function atTurn(
  first: Told,
  ask: () => Promise<Told | null>,
  clock: Clock,
): Promise<Told | null> {
  const startMs = clock.monotonicMs();
  while (clock.monotonicMs() - startMs < turnWithinMs) {
    await clock.sleep(turnStepMs);
    const next = await ask();
    if (next !== null && next.ttlMs !== first.ttlMs) return next;
  }
  return null;
}

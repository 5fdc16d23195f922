import { Resolver } from 'node:dns/promises';
import type { Clock } from '../../kernel/kernel.ts';

/** Longest wait for one answer, ms, with one try: a forecast must not keep anybody waiting. */
const timeoutMs = 1_500;

/** Most resolvers that are asked at the same time. */
const mostResolvers = 50;

/**
 * In scaled time a second is long: pause between queries until the second changes, and the longest
 * time for that, ms.
 */
const turnStepMs = 50;
const turnWithinMs = 1_200;

/**
 * Returns the remaining TTL of each resolver's answer to a name, ms in time of this environment,
 * asked like any client. Resolvers that do not answer are left out, and so are aliases, which tell
 * no TTL. `server` is `192.0.2.1:53` or `[2001:db8::1]:53`.
 *
 * One query each gives the reported TTL: whole seconds, up to one less by now. With `exact` (in
 * scaled time a second stands for a minute) each resolver is asked until its second changes, and
 * left out if it does not; the result is then counted to the end of this call, and is negative if
 * the answer has expired since.
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
  /** End of the answer by its TTL, if the second began when it was asked; monotonic. */
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
    // c-ares's own error code: unreachable, refused, no such name. An error without one is a bug.
    if (!(error instanceof Error && 'code' in error)) throw error;
    return null;
  }
}

/**
 * Returns the first answer with another TTL: its second has just begun. `null`: there was none, for
 * example if all answers have 1 s.
 */
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

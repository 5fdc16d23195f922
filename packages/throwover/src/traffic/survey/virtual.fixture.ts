import { decode, encode, type Packet } from 'dns-packet';
import type { CachePolicy } from '../../../../lab/src/dns/behaviour.ts';
import { ResolverCache } from '../../../../lab/src/dns/cache.ts';
import { type Clock, seededRandom } from '../../kernel/kernel.ts';
import { canaryResponder } from '../canary/respond.ts';
import { SeenLog } from '../canary/seen.ts';
import { readStamp } from '../canary/stamp.ts';
import type { ResolverClient } from './ask.ts';
import { ResolverSurvey } from './resolver-survey.ts';

export const zone = 'canary.example.test';

/** The canary's responder as the lab's caches ask it, without sockets. */
export function canaryUpstream(clock: Clock, behindMs = 0) {
  const counters = { queries: 0, answered: 0, truncated: 0, refused: 0, limited: 0, dropped: 0 };
  // The server's clock differs from the asking machine's.
  const serverClock = { ...clock, wallMs: () => clock.wallMs() - behindMs };
  const respond = canaryResponder({
    zone: { zone, nameservers: [], ttlSeconds: 5 },
    clock: serverClock,
    permit: () => 'answer',
    seen: new SeenLog(serverClock),
    counters,
  });
  return async (question: { name: string; type: string }): Promise<Packet> => {
    const query = encode({ type: 'query', id: 1, questions: [question as never] });
    const reply = respond(query, '192.0.2.53', 'tcp');
    if (reply === null) throw new Error('no answer');
    return decode(reply);
  };
}

/** Asks several caches in turn, like the address of a public resolver. */
export function cacheClient(
  caches: readonly ResolverCache[],
  clock: Clock,
  lostIdentities = 0,
): ResolverClient {
  let turn = 0;
  let lost = 0;
  return {
    ask: async (name, type) => {
      const cache = caches[turn % caches.length];
      turn += 1;
      if (cache === undefined) throw new Error('no cache');
      const sentMs = clock.wallMs();
      const { answers, rcode } = await cache.resolve({ name, type });
      const [answer] = answers;
      const receivedMs = clock.wallMs();
      if (answer?.type !== 'AAAA') return { outcome: 'none', sentMs, receivedMs, reason: rcode };
      const stamp = readStamp(answer.data, receivedMs);
      if (stamp === null) throw new Error('not a stamp');
      return { outcome: 'answer', sentMs, receivedMs, stamp, ttlSeconds: answer.ttl ?? 0 };
    },
    identity: async () => (lost++ < lostIdentities ? null : '192.0.2.53'),
    close: () => {},
  };
}

export function virtualSurvey(options: {
  policy: CachePolicy;
  clock: Clock;
  ttlsSeconds: readonly number[];
  longestHoldMs?: number;
  caches?: number;
  behindMs?: number;
  /** Number of first answers with the resolver's identity that are lost. */
  lostIdentities?: number;
}): ResolverSurvey {
  const { policy, clock, ttlsSeconds, longestHoldMs = 7_200_000, caches = 1, behindMs } = options;
  const upstream = canaryUpstream(clock, behindMs);
  const all = Array.from({ length: caches }, () => new ResolverCache({ policy, clock, upstream }));
  return new ResolverSurvey({
    client: cacheClient(all, clock, options.lostIdentities),
    zone,
    ttlsSeconds,
    longestHoldMs,
    clock,
    random: seededRandom(7),
  });
}

import type { BeaconCount } from './beacons.ts';

/** Why a request reached a region that is not active. */
export const causes = ['resolver-tail', 'pinned-connection', 'runtime-cache', 'unknown'] as const;
export type Cause = (typeof causes)[number];

/** A resolver as the survey found it. Life time. */
export interface SurveyedResolver {
  /** Address that the authoritative canary saw; `null`: it is not known which one it is. */
  readonly identity: string | null;
  readonly behaviour: string;
  readonly clampLifeSeconds: number | null;
  /** How long past being superseded the old answer was still given, one a trial. */
  readonly holdoversLifeMs: readonly number[];
}

/** What is known before a run of who asks whom, and of how long each keeps an answer. */
export interface ResolverKnowledge {
  readonly resolvers: readonly SurveyedResolver[];
  readonly beacons: readonly BeaconCount[];
}

/** A resolver that is past its hold by more than this is done: clocks of whole seconds, and the answer's way. */
const marginShare = 0.05;
const marginMs = 1_000;

/** Trials without which the longest hold seen says little about the longest there is. */
const leastTrials = 3;

/**
 * Cause of a straggler on a connection that was opened after the flip, by its network and by the time
 * since the flip (life ms).
 *
 * resolver-tail: a resolver that this network's clients use may still give the old answer.
 * runtime-cache: all of them are known to give the new one by now, so the client itself kept the old.
 * Where no beacon tells which resolvers a network uses, all that are known count as possible.
 */
export function causeReader(
  knowledge: ResolverKnowledge,
  ttlSeconds: number,
): (network: string, sinceFlipLifeMs: number) => Exclude<Cause, 'pinned-connection'> {
  const holds = new Map<string, number | null>();
  for (const resolver of knowledge.resolvers) {
    const { identity } = resolver;
    if (identity === null) continue;
    holds.set(identity, longest(holds.get(identity), longestHoldMs(resolver, ttlSeconds)));
  }
  const used = new Map<string, Set<string>>();
  for (const { network, resolver } of knowledge.beacons) {
    const resolvers = used.get(network) ?? new Set();
    used.set(network, resolvers.add(resolver));
  }
  const anyone = knowledge.resolvers.map((resolver) => longestHoldMs(resolver, ttlSeconds));
  return (network, sinceFlipLifeMs) => {
    const resolvers = used.get(network);
    const possible =
      resolvers === undefined
        ? anyone
        : [...resolvers].map((identity) => holds.get(identity) ?? null);
    if (possible.length === 0) return 'unknown';
    const still = possible.map((holdMs) => holdMs === null || sinceFlipLifeMs <= holdMs);
    if (!still.includes(true)) return 'runtime-cache';
    if (possible.includes(null)) return 'unknown';
    // Of resolvers that any network may use some are past their hold: it could be either.
    if (resolvers === undefined && still.includes(false)) return 'unknown';
    return 'resolver-tail';
  };
}

/** How long after a flip a resolver may give the old answer, life ms, margin included; `null`: nobody knows. */
function longestHoldMs(resolver: SurveyedResolver, ttlSeconds: number): number | null {
  const { behaviour, clampLifeSeconds, holdoversLifeMs } = resolver;
  const seenMs = Math.max(0, ...holdoversLifeMs);
  const withMargin = (ms: number) => ms * (1 + marginShare) + marginMs;
  const clamp = clampLifeSeconds ?? ttlSeconds;
  switch (behaviour) {
    case 'honest':
    case 'prefetches':
      return withMargin(ttlSeconds * 1_000);
    case 'clamps-minimum':
      return withMargin(Math.max(ttlSeconds, clamp) * 1_000);
    case 'clamps-maximum':
      return withMargin(Math.min(ttlSeconds, clamp) * 1_000);
    case 'serves-stale':
      // Stale is given while the authoritative servers are away; at a flip they answer.
      return withMargin(Math.max(ttlSeconds * 1_000, seenMs));
    default:
      return holdoversLifeMs.length < leastTrials ? null : withMargin(seenMs);
  }
}

function longest(a: number | null | undefined, b: number | null): number | null {
  if (a === undefined) return b;
  return a === null || b === null ? null : Math.max(a, b);
}

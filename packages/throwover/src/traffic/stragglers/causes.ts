import type { BeaconCount } from './beacons.ts';

/** The causes for which a request reaches a region that is not active. */
export const causes = ['resolver-tail', 'pinned-connection', 'runtime-cache', 'unknown'] as const;
export type Cause = (typeof causes)[number];

/** A resolver with the findings of the survey. Life time. */
export interface SurveyedResolver {
  /** Address that the authoritative canary saw; `null`: not known. */
  readonly identity: string | null;
  readonly behaviour: string;
  readonly clampLifeSeconds: number | null;
  /** How long the old answer was still given after it was superseded; one value per trial. */
  readonly holdoversLifeMs: readonly number[];
}

/**
 * The knowledge before a run about which clients use which resolver, and how long each resolver
 * keeps an answer.
 */
export interface ResolverKnowledge {
  readonly resolvers: readonly SurveyedResolver[];
  readonly beacons: readonly BeaconCount[];
}

/**
 * Margin after which a resolver must have the new answer: clocks count whole seconds, and the
 * answer takes its time.
 */
const marginShare = 0.05;
const marginMs = 1_000;

/** With fewer trials the longest hold that was seen is no reliable bound. */
const leastTrials = 3;

/**
 * Returns the cause of a straggler on a connection that was opened after the flip, from its network
 * and the time since the flip (ms of life time).
 *
 * resolver-tail: a resolver that this network's clients use may still give the old answer.
 * runtime-cache: all of these resolvers are known to give the new one by now, so the client itself
 * kept the old one. If no beacon tells which resolvers a network uses, all known resolvers count as
 * possible.
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
    // Some of the possible resolvers are past their hold and some are not: it could be either
    // cause.
    if (resolvers === undefined && still.includes(false)) return 'unknown';
    return 'resolver-tail';
  };
}

/**
 * Returns how long after a flip a resolver may give the old answer, ms of life time, with margin;
 * `null`: unknown.
 */
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
      // A stale answer is given while the authoritative servers are unreachable; at a flip they
      // answer.
      return withMargin(Math.max(ttlSeconds * 1_000, seenMs));
    default:
      return holdoversLifeMs.length < leastTrials ? null : withMargin(seenMs);
  }
}

function longest(a: number | null | undefined, b: number | null): number | null {
  if (a === undefined) return b;
  return a === null || b === null ? null : Math.max(a, b);
}

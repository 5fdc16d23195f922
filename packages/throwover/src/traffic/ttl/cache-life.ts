import type { Behaviour } from '../survey/report.ts';

/** One resolver with its survey results, and the share of clients that use it. */
export interface MeasuredResolver {
  readonly behaviour: Behaviour;
  /** The minimum or maximum to which TTLs are clamped, s of life time. */
  readonly clampSeconds: number | null;
  /** TTL that the survey's answers had, s. */
  readonly ttlSeconds: number;
  /** How long each answer was still given, ms of life time; one value per trial. */
  readonly holdsMs: readonly number[];
  /** Any scale; the same for all if the shares of clients are not known. */
  readonly weight: number;
}

/**
 * Returns how long this resolver keeps an answer of that TTL, ms; `null`: its behaviour is not
 * known.
 *
 * A clamp applies to any TTL. If answers were kept beyond their TTL without a clamp (serves stale),
 * that time is added to any TTL. A resolver that ignores TTLs keeps an answer as long as in the
 * survey, and at least for its TTL.
 */
export function cacheLifeMs(resolver: MeasuredResolver, ttlSeconds: number): number | null {
  const ttlMs = ttlSeconds * 1_000;
  const clampMs = resolver.clampSeconds === null ? null : resolver.clampSeconds * 1_000;
  const longest = Math.max(0, ...resolver.holdsMs);
  switch (resolver.behaviour) {
    case 'honest':
    case 'prefetches':
      return ttlMs;
    case 'clamps-minimum':
      return Math.max(ttlMs, clampMs ?? longest);
    case 'clamps-maximum':
      return clampMs === null ? ttlMs : Math.min(ttlMs, clampMs);
    case 'serves-stale':
      return ttlMs + Math.max(0, longest - resolver.ttlSeconds * 1_000);
    case 'ignores':
      return Math.max(ttlMs, longest);
    case 'unknown':
      return null;
  }
}

/** A figure with its basis (A7). */
export interface Measured {
  /** `null`: fewer than three resolvers. */
  readonly ms: number | null;
  /**
   * There are fewer resolvers than this quantile needs (1/(1-q)), so `ms` is the longest time seen:
   * a lower bound.
   */
  readonly atLeast: boolean;
  /** Number of resolvers. */
  readonly count: number;
}

/** With fewer resolvers there is no figure. */
const fewest = 3;

/**
 * Returns the time after a change at which a share `q` of clients has the new answer from its
 * resolver.
 *
 * A client that asks at any time finds its resolver's copy at any age, so the remaining life of a
 * copy is uniform between 0 and its length L. Over resolvers of weight w: F(t) = sum of w x min(1,
 * t/L).
 */
export function holdoverMs(
  resolvers: readonly MeasuredResolver[],
  ttlSeconds: number,
  q: number,
): Measured {
  const lives = livesOf(resolvers, ttlSeconds);
  return figure(lives, q, (sum) => {
    const share = (t: number) =>
      lives.reduce((all, { lifeMs, weight }) => all + weight * Math.min(1, t / lifeMs), 0) / sum;
    let [low, high] = [0, Math.max(...lives.map(({ lifeMs }) => lifeMs))];
    // Halve the interval until its bounds are at most 1 ms apart.
    while (high - low > 1) {
      const middle = (low + high) / 2;
      if (share(middle) < q) low = middle;
      else high = middle;
    }
    return high;
  });
}

/**
 * Returns how long past its TTL the last client of a share `q` still has the old answer. After
 * lowering a TTL, a run waits this long in addition to the old TTL.
 */
export function beyondTtlMs(
  resolvers: readonly MeasuredResolver[],
  ttlSeconds: number,
  q: number,
): Measured {
  const lives = livesOf(resolvers, ttlSeconds).sort((a, b) => a.lifeMs - b.lifeMs);
  return figure(lives, q, (sum) => {
    let seen = 0;
    const last = lives.find(({ weight }) => {
      seen += weight;
      return seen >= q * sum;
    });
    return Math.max(0, (last ?? lives.at(-1))?.lifeMs ?? 0) - ttlSeconds * 1_000;
  });
}

interface Life {
  readonly lifeMs: number;
  readonly weight: number;
}

function livesOf(resolvers: readonly MeasuredResolver[], ttlSeconds: number): Life[] {
  return resolvers.flatMap((resolver) => {
    const lifeMs = cacheLifeMs(resolver, ttlSeconds);
    return lifeMs === null || resolver.weight <= 0
      ? []
      : [{ lifeMs: Math.max(1, lifeMs), weight: resolver.weight }];
  });
}

function figure(lives: readonly Life[], q: number, of: (sum: number) => number): Measured {
  const count = lives.length;
  if (count < fewest) return { ms: null, atLeast: false, count };
  const sum = lives.reduce((all, { weight }) => all + weight, 0);
  return { ms: Math.max(0, of(sum)), atLeast: count < Math.ceil(1 / (1 - q) - 1e-9), count };
}

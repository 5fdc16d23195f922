import type { Behaviour } from '../survey/infer.ts';

/** One resolver as the survey measured it, and the share of clients that stand behind it. */
export interface MeasuredResolver {
  readonly behaviour: Behaviour;
  /** What the minimum or maximum is clamped to, s of life. */
  readonly clampSeconds: number | null;
  /** TTL that the survey's answers had, s. */
  readonly ttlSeconds: number;
  /** How long each answer was still given, ms of life; one a trial. */
  readonly holdsMs: readonly number[];
  /** Any scale; all the same where the shares of clients are not known. */
  readonly weight: number;
}

/**
 * How long this resolver keeps an answer of that TTL, ms; `null`: its behaviour is not known.
 *
 * A clamp holds at any TTL. What was kept beyond the TTL without a clamp (serves stale) is added to any
 * TTL; a resolver that ignores TTLs keeps what it kept.
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

/** A figure with what it stands on (A7). */
export interface Measured {
  /** `null`: fewer than three resolvers. */
  readonly ms: number | null;
  /** Fewer resolvers than this quantile needs (1/(1-q)): the longest that was seen. */
  readonly atLeast: boolean;
  /** Resolvers. */
  readonly count: number;
}

/** Fewest resolvers of which a figure is given. */
const fewest = 3;

/**
 * Time after a change at which a share `q` of clients has the new answer from its resolver.
 *
 * A client that asks at any time finds its resolver's copy at any age, so what is left of a copy's life
 * is even between 0 and its length L; over resolvers of weight w: F(t) = sum of w x min(1, t/L).
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
    // Halved until the bounds are less than 1 ms apart.
    while (high - low > 1) {
      const middle = (low + high) / 2;
      if (share(middle) < q) low = middle;
      else high = middle;
    }
    return high;
  });
}

/** How long past its TTL the last client of a share `q` still has the old answer. What a lowered TTL waits for besides the old one. */
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

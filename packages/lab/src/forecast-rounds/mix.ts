import { type Random, seededRandom } from 'throwover/kernel';
import type { LabMap } from '../world/map.ts';
import { type LabResolver, placeOf } from '../world/resolver-list.ts';

/** Number of resolvers of each kind; the first, an honest one, is also the sender's. */
const counts = { honest: 10, 'serve-stale': 3, clamped: 6, 'long-hold': 5 } as const;
type Kind = keyof typeof counts;

/**
 * Hold times seen in production for a TTL of 60 s: 5 to 15 min, and clamps below that. Whole
 * minutes of life time.
 */
const holdMinutes = { clamped: [3, 9], 'long-hold': [10, 15] } as const;

/** Range from which a round draws each share of the clients; the rest is honest. */
const shareOf = {
  'long-hold': [0.05, 0.25],
  clamped: [0.15, 0.45],
  'serve-stale': [0.02, 0.1],
} as const;
const pools = [0.1, 0.3] as const;
const caches = [0.05, 0.1] as const;

/**
 * Returns the resolvers of a lab, always the same for a map; their hold times are drawn from the
 * seed.
 */
export function resolversOf(seed: number): (map: LabMap) => readonly LabResolver[] {
  return (map) => {
    const random = seededRandom(seed);
    const kinds = (Object.keys(counts) as Kind[]).flatMap((behaviour) =>
      Array.from({ length: counts[behaviour] }, () => ({
        behaviour,
        ...(behaviour === 'clamped' || behaviour === 'long-hold'
          ? { holdSeconds: 60 * minutes(holdMinutes[behaviour], random) }
          : {}),
      })),
    );
    return kinds.map((kind, index) => ({
      ...kind,
      ...placeOf(map, index),
      firstAgeShare: 0,
      share: null,
    }));
  };
}

/** Which clients use which resolvers in one round, and which clients cache addresses themselves. */
/**
 * Draws which clients use which resolvers in one round, and which of them cache addresses themselves:
 * the shares of the kinds, and of the resolvers within a kind.
 */
export function mixOf(resolvers: readonly LabResolver[], random: Random) {
  const long = between(shareOf['long-hold'], random);
  const clamped = between(shareOf.clamped, random);
  const stale = between(shareOf['serve-stale'], random);
  const shares = {
    ...{ honest: 1 - long - clamped - stale, clamped },
    ...{ 'long-hold': long, 'serve-stale': stale },
  };
  const weights = resolvers.map(() => -Math.log(1 - random.next()));
  const sums = new Map<string, number>();
  resolvers.forEach(({ behaviour }, index) => {
    sums.set(behaviour, (sums.get(behaviour) ?? 0) + (weights[index] ?? 0));
  });
  return {
    resolvers: resolvers.map(({ port, behaviour }, index) => ({
      ...{ port, behaviour },
      share: (shares[behaviour as Kind] * (weights[index] ?? 0)) / (sums.get(behaviour) ?? 1),
    })),
    shares,
    keepAliveShare: between(pools, random),
    runtimeCacheShare: between(caches, random),
  };
}

const between = ([low, high]: readonly [number, number], random: Random) =>
  low + random.next() * (high - low);

const minutes = ([low, high]: readonly [number, number], random: Random) =>
  low + random.integer(high - low + 1);

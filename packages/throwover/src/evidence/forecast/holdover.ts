import { sampleStandardDeviation } from 'simple-statistics';
import type { Random } from '../../kernel/kernel.ts';
import { fewestSamples } from './bounded.ts';

/** How long one cache keeps the old answer at most, life ms; `null`: it was never measured. */
export interface KnownResolver {
  readonly lifeMs: number | null;
  /**
   * Remaining TTL of the service's own answer that the resolver reported when it was asked, life
   * ms; `null`: not asked.
   */
  readonly leftLifeMs: number | null;
}

/** A part of the traffic behind one resolver. */
export interface Crowd {
  /** Index into the resolvers. */
  readonly resolver: number;
  /** Number of beacons counted; 1 for each where there are none. */
  readonly weight: number;
}

/** Measurements of an earlier run about runtimes that cache addresses themselves. */
export interface RuntimeTail {
  /** Share of all traffic. */
  readonly share: number;
  /** Times from the flip at which the remaining share has fallen, each equally likely, life ms. */
  readonly endsLifeMs: readonly number[];
}

/** The parts that keep the old address, and for how long; all measured before the run. */
export interface HoldoverFacts {
  readonly resolvers: readonly KnownResolver[];
  readonly crowds: readonly Crowd[];
  readonly weights: 'known' | 'unknown';
  /**
   * Number of beacons, or of resolvers where no beacons give weights: the basis of a share of
   * traffic.
   */
  readonly count: number;
  /**
   * Share of requests on connections that live longer than the TTL, and their ages; `null`: no door
   * was sampled.
   */
  readonly pinned: { readonly share: number; readonly agesLifeMs: readonly number[] } | null;
  /**
   * Time from asking the resolvers until a flip, as caches count it, one for each earlier run; life
   * ms.
   */
  readonly untilFlipLifeMs: readonly number[];
  /** One for each earlier run; empty: nothing is known about runtime caches. */
  readonly runtimes: readonly RuntimeTail[];
}

/**
 * A part of the traffic, and when it reaches the new region directly, life ms after the flip;
 * `null`: unknown.
 */
export interface Moved {
  readonly weight: number;
  readonly lifeMs: number | null;
}

/**
 * A crowd above this share of the traffic stands for many clients: it is split, and each part draws
 * its own connections.
 */
const partShare = 1 / 20;

/**
 * Returns a function that draws worlds after a flip. The parts of each world are in the order in
 * which they move, the unknown ones last.
 *
 * A cache that was asked ends at the time that it reported, and again each time its life has
 * passed; a busy cache is refilled at once, an idle one holds no client back. Other caches are met
 * at a uniformly distributed phase of their life. Everybody behind a cache shares its phase.
 * Connections are met at a stationary moment, where the remaining life is distributed as the past
 * life (renewal theory), so measured ages are drawn as remaining lives. Runtime caches are drawn
 * from one earlier run at a time, because their shares belong together. A count of k beacons stands
 * for a rate that is Gamma(k): few beacons give little information, and without any the shares are
 * spread evenly over all possibilities.
 */
export function holdoverDraws(
  facts: HoldoverFacts,
  options: {
    /** Whether the old region's doors answer stragglers with `Connection: close`. */
    readonly loosened: boolean;
  },
): (random: Random) => readonly Moved[] {
  const { pinned, resolvers, runtimes, untilFlipLifeMs } = facts;
  const crowds = parts(facts.crowds);
  const stays = !options.loosened && pinned !== null && pinned.agesLifeMs.length > 0;
  const bandwidthMs = bandwidthOf(untilFlipLifeMs);
  return (random) => {
    // With fewer runs it is unknown when the flip meets a cache, however well its end is known
    // (A7).
    const timed = untilFlipLifeMs.length >= fewestSamples;
    const untilFlipMs = timed
      ? Math.max(0, random.pick(untilFlipLifeMs) + bandwidthMs * normal(random))
      : null;
    const ends = resolvers.map((resolver) => endOf(resolver, untilFlipMs, random));
    const runtime = runtimes.length === 0 ? null : random.pick(runtimes);
    const moved = crowds.map(({ resolver, weight }) => {
      let lifeMs = ends[resolver] ?? null;
      if (stays && random.next() < pinned.share) {
        lifeMs = later(lifeMs, random.pick(pinned.agesLifeMs));
      } else if (
        runtime !== null &&
        runtime.endsLifeMs.length > 0 &&
        random.next() < runtime.share
      ) {
        lifeMs = later(lifeMs, random.pick(runtime.endsLifeMs));
      }
      return { weight: gamma(weight, random), lifeMs };
    });
    return moved.sort((a, b) => (a.lifeMs ?? never) - (b.lifeMs ?? never));
  };
}

/** Sorts after every known time. */
const never = Number.MAX_VALUE;

/** Returns when a cache gives up the old answer, life ms after the flip. */
function endOf(
  { lifeMs, leftLifeMs }: KnownResolver,
  untilFlipMs: number | null,
  random: Random,
): number | null {
  if (lifeMs === null) return null;
  if (leftLifeMs === null || untilFlipMs === null || lifeMs <= 0) return lifeMs * random.next();
  if (untilFlipMs <= leftLifeMs) return leftLifeMs - untilFlipMs;
  return lifeMs - ((untilFlipMs - leftLifeMs) % lifeMs);
}

/**
 * Returns when a share of the traffic has moved, life ms; `null`: not within the known times.
 * `moved` must be in the drawn order.
 */
export function movedAt(moved: readonly Moved[], share: number): number | null {
  const sum = moved.reduce((all, { weight }) => all + weight, 0);
  let reached = 0;
  for (const { weight, lifeMs } of moved) {
    reached += weight;
    if (reached >= share * sum - 1e-9 * sum) return lifeMs;
  }
  return null;
}

/**
 * Returns how far the next value may lie from those that were seen: Silverman's rule, wide when
 * there are few.
 */
function bandwidthOf(samples: readonly number[]): number {
  if (samples.length < fewestSamples) return 0;
  return 1.06 * sampleStandardDeviation([...samples]) * samples.length ** -0.2;
}

/** Draws from Normal(0, 1), by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Draws from Gamma(k, 1): a sum of k exponentials; for a large k, its normal approximation. */
function gamma(k: number, random: Random): number {
  const exponential = () => -Math.log(1 - random.next());
  if (k > 12) {
    return Math.max(0, k + Math.sqrt(k) * normal(random));
  }
  const whole = Math.floor(k);
  let sum = exponential() * (k - whole);
  for (let n = 0; n < whole; n++) sum += exponential();
  return sum;
}

/** Returns when the last known part has moved; `null` when none is known. */
export function lastKnown(moved: readonly Moved[]): number | null {
  return moved.findLast(({ lifeMs }) => lifeMs !== null)?.lifeMs ?? null;
}

function later(a: number | null, b: number): number | null {
  return a === null ? null : Math.max(a, b);
}

function parts(crowds: readonly Crowd[]): readonly Crowd[] {
  const sum = crowds.reduce((all, { weight }) => all + weight, 0);
  return crowds.flatMap((crowd) => {
    const count = Math.max(1, Math.ceil(crowd.weight / (sum * partShare)));
    return Array.from({ length: count }, () => ({ ...crowd, weight: crowd.weight / count }));
  });
}

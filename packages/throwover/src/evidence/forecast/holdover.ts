import { sampleStandardDeviation } from 'simple-statistics';
import type { Random } from '../../kernel/kernel.ts';
import { fewestSamples } from './bounded.ts';

/** How long one cache keeps the old answer at most, life ms; `null`: nobody has measured it. */
export interface KnownResolver {
  readonly lifeMs: number | null;
  /** What it said to be left of the service's own answer when it was asked, life ms; `null`: not asked. */
  readonly leftLifeMs: number | null;
}

/** A part of the traffic behind one resolver. */
export interface Crowd {
  /** Index into the resolvers. */
  readonly resolver: number;
  /** Beacons that were counted; 1 each where there are none. */
  readonly weight: number;
}

/** What an earlier run saw of runtimes that keep addresses by themselves. */
export interface RuntimeTail {
  /** Share of all traffic. */
  readonly share: number;
  /** From the flip, at which the share that is left has fallen: evenly likely each. Life ms. */
  readonly endsLifeMs: readonly number[];
}

/** Who keeps the old address, and for how long; all from before the run. */
export interface HoldoverFacts {
  readonly resolvers: readonly KnownResolver[];
  readonly crowds: readonly Crowd[];
  readonly weights: 'known' | 'unknown';
  /** Beacons, or resolvers where no beacon tells weights: what a share of traffic is judged from. */
  readonly count: number;
  /** Share of requests on connections that live longer than the TTL, and their ages; `null`: no door was sampled. */
  readonly pinned: { readonly share: number; readonly agesLifeMs: readonly number[] } | null;
  /** From the asking of resolvers until a flip, as caches count it, one an earlier run; life ms. */
  readonly untilFlipLifeMs: readonly number[];
  /** One an earlier run; empty: nothing is known of runtime caches. */
  readonly runtimes: readonly RuntimeTail[];
}

/** A part of the traffic and when it reaches the new region directly, life ms after the flip; `null`: nobody knows. */
export interface Moved {
  readonly weight: number;
  readonly lifeMs: number | null;
}

/** A crowd above this share of the traffic is many clients: each part draws its own connections. */
const partShare = 1 / 20;

/**
 * Draws worlds after a flip; the parts of each in the order in which they have moved, the unknown last.
 *
 * A cache that was asked ends when it said, and again each time its life has passed: it is busy, or it
 * keeps nobody. Others are met at an even phase of their life. Everybody behind a cache shares its phase.
 * Connections are met at a stationary moment, where what is left of a life is distributed as what has
 * passed (renewal theory), so measured ages are drawn as residual lives. Runtime caches are drawn from one
 * earlier run at a time: their shares go together. A count of beacons k stands for a rate that is
 * Gamma(k): few beacons tell little, and without any the shares are spread evenly over all there can be.
 */
export function holdoverDraws(
  facts: HoldoverFacts,
  options: {
    /** The old region's doors answer stragglers with `Connection: close`. */
    readonly loosened: boolean;
  },
): (random: Random) => readonly Moved[] {
  const { pinned, resolvers, runtimes, untilFlipLifeMs } = facts;
  const crowds = parts(facts.crowds);
  const stays = !options.loosened && pinned !== null && pinned.agesLifeMs.length > 0;
  const bandwidthMs = bandwidthOf(untilFlipLifeMs);
  return (random) => {
    // Of fewer runs nobody knows when the flip meets a cache, however well its end is known (A7).
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

/** After everything that is known. */
const never = Number.MAX_VALUE;

/** When a cache gives up the old answer, life ms after the flip. */
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

/** When a share of the traffic has moved, life ms; `null`: not while anything is known. In order, as drawn. */
export function movedAt(moved: readonly Moved[], share: number): number | null {
  const sum = moved.reduce((all, { weight }) => all + weight, 0);
  let reached = 0;
  for (const { weight, lifeMs } of moved) {
    reached += weight;
    if (reached >= share * sum - 1e-9 * sum) return lifeMs;
  }
  return null;
}

/** How far the next value lies from those that were seen: Silverman's rule, wide where they are few. */
function bandwidthOf(samples: readonly number[]): number {
  if (samples.length < fewestSamples) return 0;
  return 1.06 * sampleStandardDeviation([...samples]) * samples.length ** -0.2;
}

/** Normal(0, 1), by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Gamma(k, 1): a sum of k exponentials, and where that is long the normal curve that it comes to. */
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

/** When the last part of which anything is known has moved; `null`: nothing is. */
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

import type { EvidenceSample } from '../../records/records.ts';
import { cacheLifeMs, type MeasuredResolver } from '../../traffic/traffic.ts';
import type { Crowd, HoldoverFacts, RuntimeTail } from './holdover.ts';

/** Number of points that describe a tail of runtime caches. */
const tailPoints = 50;

/**
 * Caches count whole seconds: the remaining time that they report may exceed their own limit by
 * this share.
 */
const tolerance = 0.05;

/** Requests in one window of the curve: with fewer than a hundred, chance alone makes a peak. */
const windowRequests = 100;

/** Samples of the evidence log before a run, newest first. */
export interface EvidenceBefore {
  readonly resolvers: readonly EvidenceSample<'resolver'>[];
  readonly beacons: readonly EvidenceSample<'beacon'>[];
  readonly connections: readonly EvidenceSample<'connections'>[];
  readonly curves: readonly EvidenceSample<'straggler-curve'>[];
}

/**
 * Returns the known facts about how long clients keep the old address, at the TTL that the flip
 * meets. Pure.
 */
export function holdoverFacts(
  { resolvers: surveyed, beacons, connections, curves }: EvidenceBefore,
  options: {
    readonly ttlSeconds: number;
    /** Region being left. */
    readonly from: string;
    /** Remaining TTL of the service's own answer at a resolver, by identity, life ms. */
    readonly left: ReadonlyMap<string, number>;
    readonly untilFlipLifeMs: readonly number[];
  },
): HoldoverFacts {
  const { ttlSeconds, from, left, untilFlipLifeMs } = options;
  const newest = new Map<string, EvidenceSample<'resolver'>>();
  for (const sample of surveyed) {
    const key = sample.identity ?? sample.resolver;
    if ((newest.get(key)?.atWallMs ?? -1) < sample.atWallMs) newest.set(key, sample);
  }
  // Sorted, so that the log's order does not matter: the same facts and random numbers give the
  // same forecast.
  const names = [...new Set([...newest.keys(), ...beacons.map(({ resolver }) => resolver)])].sort();
  const resolvers = names.map((name) => {
    const lifeMs = lifeOf(newest.get(name), ttlSeconds);
    const leftLifeMs = left.get(name) ?? null;
    // A resolver that reports more than it keeps does not reveal its phase.
    const agrees = lifeMs !== null && leftLifeMs !== null && leftLifeMs <= lifeMs * (1 + tolerance);
    return { lifeMs, leftLifeMs: agrees ? leftLifeMs : null };
  });
  const counts = new Map<string, Crowd>();
  for (const { network, resolver, count } of beacons) {
    const key = JSON.stringify([network, resolver]);
    const weight = (counts.get(key)?.weight ?? 0) + count;
    counts.set(key, { resolver: names.indexOf(resolver), weight });
  }
  const known = counts.size > 0;
  const each = names.map((_, resolver) => ({ resolver, weight: 1 }));
  return {
    resolvers,
    crowds: known ? [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one) : each,
    weights: known ? 'known' : 'unknown',
    count: known ? beacons.reduce((sum, { count }) => sum + count, 0) : names.length,
    pinned: pinnedOf(connections, from, ttlSeconds * 1_000),
    untilFlipLifeMs,
    runtimes: curves.map(runtimeTail),
  };
}

function lifeOf(sample: EvidenceSample<'resolver'> | undefined, ttlSeconds: number): number | null {
  if (sample === undefined || (sample.trials === 0 && sample.clampLifeSeconds === null))
    return null;
  const resolver: MeasuredResolver = {
    behaviour: sample.behaviour,
    clampSeconds: sample.clampLifeSeconds,
    ttlSeconds: sample.ttlSeconds,
    holdsMs: sample.holdoversLifeMs,
    weight: 1,
  };
  // A stale answer is given only while the authoritative servers are unreachable; at a flip they
  // answer.
  const stale = sample.behaviour === 'serves-stale';
  return cacheLifeMs(stale ? { ...resolver, behaviour: 'honest' } : resolver, ttlSeconds);
}

/**
 * Returns the share of requests on connections that outlive the TTL. Doors count requests only on
 * connections above that age. The same connections were younger once, so the share is scaled up by
 * the part of the open connections that is still young.
 */
function pinnedOf(
  samples: readonly EvidenceSample<'connections'>[],
  from: string,
  ttlLifeMs: number,
): HoldoverFacts['pinned'] {
  const here = samples.filter(({ region }) => region === from);
  const [newest] = [...here].sort((a, b) => b.atWallMs - a.atWallMs);
  if (newest === undefined || newest.requestsOnOldShare === null) return null;
  const old = newest.agesMs.filter((ageMs) => ageMs > ttlLifeMs).length;
  const share =
    old === 0
      ? newest.requestsOnOldShare
      : Math.min(1, (newest.requestsOnOldShare * newest.agesMs.length) / old);
  return { share, agesLifeMs: newest.agesMs };
}

/**
 * Returns the tail of runtime caches in an earlier run: the share of requests at the peak of its
 * runtime-cache stragglers, and when that share fell. Before the peak the door cannot distinguish
 * them from stragglers of their resolvers.
 */
export function runtimeTail({
  points,
}: Pick<EvidenceSample<'straggler-curve'>, 'points'>): RuntimeTail {
  // From the end: caches do not take an old address again, so the remaining share never rises.
  const left: { atLifeMs: number; share: number }[] = [];
  let height = 0;
  for (const { atLifeMs, share } of windowsOf(points).toReversed()) {
    height = Math.max(height, share);
    left.unshift({ atLifeMs, share: height });
  }
  if (height === 0) return { share: 0, endsLifeMs: [] };
  const endsLifeMs = Array.from({ length: tailPoints }, (_, n) => {
    const level = (height * (n + 0.5)) / tailPoints;
    return left.findLast(({ share }) => share >= level)?.atLifeMs ?? 0;
  });
  return { share: height, endsLifeMs };
}

/**
 * Returns the share of requests with cause `runtime-cache` or `unknown`, in windows that are wide
 * enough for a share.
 */
function windowsOf(points: EvidenceSample<'straggler-curve'>['points']) {
  const windows: { atLifeMs: number; share: number }[] = [];
  let before = { requests: 0, cached: 0 };
  for (const { sinceFlipLifeMs: atLifeMs, requests, byCause } of points) {
    const cached = byCause['runtime-cache'] + byCause.unknown;
    const inWindow = requests - before.requests;
    if (inWindow < windowRequests) continue;
    windows.push({ atLifeMs, share: (cached - before.cached) / inWindow });
    before = { requests, cached };
  }
  return windows;
}

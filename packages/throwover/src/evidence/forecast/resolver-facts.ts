import type { Clock } from '../../kernel/kernel.ts';
import { type EvidenceLog, type EvidenceSample, maxSamplesACall } from '../../records/records.ts';
import type { MeasuredResolver } from '../../traffic/traffic.ts';

/** Surveys and beacons that are older than this do not count, ms. */
const oldestMs = 30 * 24 * 3_600_000;

/** A connection that is younger than this is new, ms. */
const newConnectionMs = 60_000;

export interface ResolverFacts {
  readonly resolvers: readonly MeasuredResolver[];
  /**
   * `unknown`: each surveyed resolver counts the same, because no beacon tells which clients use
   * which resolver.
   */
  readonly weights: 'known' | 'unknown';
  /**
   * Number of resolvers that clients use and no survey has measured; their behaviour counts as
   * unknown.
   */
  readonly unsurveyed: number;
  /** Age of the newest survey, ms; `null`: there is none. */
  readonly surveyAgeMs: number | null;
}

/** Returns each resolver from its last survey, with the share of beacons that came through it. */
export async function resolverFacts(evidence: EvidenceLog, clock: Clock): Promise<ResolverFacts> {
  const options = { sinceWallMs: clock.wallMs() - oldestMs, limit: maxSamplesACall };
  const [samples, beacons] = await Promise.all([
    evidence.list('resolver', options),
    evidence.list('beacon', options),
  ]);
  const counts = new Map<string, number>();
  for (const { resolver, count } of beacons) {
    counts.set(resolver, (counts.get(resolver) ?? 0) + count);
  }
  const newest = new Map<string, EvidenceSample<'resolver'>>();
  for (const sample of samples) {
    const key = sample.identity ?? sample.resolver;
    const known = newest.get(key);
    if (known === undefined || sample.atWallMs > known.atWallMs) newest.set(key, sample);
  }
  const known = counts.size > 0;
  const surveyed = [...newest].map(([key, sample]) => ({
    behaviour: sample.behaviour,
    clampSeconds: sample.clampLifeSeconds,
    ttlSeconds: sample.ttlSeconds,
    holdsMs: sample.holdoversLifeMs,
    weight: known ? (counts.get(key) ?? 0) : 1,
  }));
  const unsurveyed = [...counts].filter(([resolver]) => !newest.has(resolver));
  const latest = samples.reduce((last, { atWallMs }) => Math.max(last, atWallMs), 0);
  return {
    resolvers: [
      ...surveyed,
      ...unsurveyed.map(([, weight]) => ({
        behaviour: 'unknown' as const,
        clampSeconds: null,
        ttlSeconds: 0,
        holdsMs: [],
        weight,
      })),
    ],
    weights: known ? 'known' : 'unknown',
    unsurveyed: unsurveyed.length,
    surveyAgeMs: samples.length === 0 ? null : clock.wallMs() - latest,
  };
}

/**
 * Returns the new connections per second at all front doors, from the newest sample of each region:
 * the connections younger than a minute, divided by a minute. `null`: no door has been sampled.
 */
export async function newConnectionsPerSecond(evidence: EvidenceLog): Promise<number | null> {
  const samples = await evidence.list('connections', { limit: maxSamplesACall });
  const newest = new Map<string, EvidenceSample<'connections'>>();
  for (const sample of samples) {
    const known = newest.get(sample.region);
    if (known === undefined || sample.atWallMs > known.atWallMs) newest.set(sample.region, sample);
  }
  if (newest.size === 0) return null;
  return [...newest.values()].reduce((sum, { open, agesMs }) => {
    const young = agesMs.filter((ageMs) => ageMs < newConnectionMs).length;
    return (
      sum + (agesMs.length === 0 ? 0 : (open * young) / agesMs.length / (newConnectionMs / 1_000))
    );
  }, 0);
}

import type { TimeScale } from '../../kernel/kernel.ts';
import type { Behaviour, Findings, Kept } from './infer.ts';

/** The sample of one resolver in the evidence log, in life time. */
export interface ResolverSample {
  readonly atWallMs: number;
  readonly vantage: string;
  readonly resolver: string;
  readonly identity: string | null;
  readonly behaviour: Behaviour;
  readonly clampLifeSeconds: number | null;
  readonly ttlSeconds: number;
  readonly holdoversLifeMs: number[];
  readonly trials: number;
  readonly finished: boolean;
}

/** A resolver with its results so far. */
export interface ResolverReport {
  /** Address and port. */
  readonly resolver: string;
  /** The address from which it asks the zone's server; `null`: not known. */
  readonly identity: string | null;
  readonly startedWallMs: number;
  readonly atWallMs: number;
  readonly finished: boolean;
  readonly findings: Findings;
}

/**
 * Returns a sample from the report's trials at the TTL that is nearest to the service's own: the
 * behaviour that clients in production would see.
 */
export function sampleOf(
  report: ResolverReport,
  options: {
    /** The place that the survey asks from. */
    readonly vantage: string;
    readonly timeScale: TimeScale;
    /** In time of this environment, s; `null`: use the shortest one that was measured. */
    readonly ownTtlSeconds: number | null;
  },
): ResolverSample {
  const { vantage, timeScale, ownTtlSeconds } = options;
  const { findings, atWallMs, resolver, identity, finished } = report;
  const kept = nearest(findings.kept, ownTtlSeconds);
  return {
    atWallMs,
    vantage,
    resolver,
    identity,
    behaviour: findings.behaviour,
    clampLifeSeconds: findings.clampSeconds === null ? null : timeScale.life(findings.clampSeconds),
    ttlSeconds: timeScale.life(kept?.ttlSeconds ?? 0),
    holdoversLifeMs: (kept?.holdsMs ?? []).map((ms) => timeScale.life(ms)),
    trials: kept?.holdsMs.length ?? 0,
    finished,
  };
}

function nearest(kept: readonly Kept[], ttlSeconds: number | null): Kept | undefined {
  const far = (one: Kept) => Math.abs(one.ttlSeconds - (ttlSeconds ?? 0));
  return [...kept].sort((a, b) => far(a) - far(b))[0];
}

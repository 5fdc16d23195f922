import type { TimeScale } from '../../kernel/kernel.ts';
import type { Kept, ResolverReport } from './report.ts';

/**
 * Returns a sample for the evidence log, in life time, from the report's trials at the TTL that is
 * nearest to the service's own: the behaviour that clients in production would see.
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
) {
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

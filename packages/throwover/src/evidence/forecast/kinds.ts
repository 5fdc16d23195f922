import type { RunKind } from '../../runs/runs.ts';

/** Kinds of run that move traffic; the others have no forecast. */
export const forecastKinds = ['switchover', 'failover', 'failback', 'flip-only'] as const;
export type ForecastKind = (typeof forecastKinds)[number];

export function isForecastKind(kind: RunKind): kind is ForecastKind {
  return (forecastKinds as readonly string[]).includes(kind);
}

/**
 * Whether the old region is alive in this kind of run, so that its doors forward the requests that
 * still arrive there.
 */
export function forwards(kind: ForecastKind): boolean {
  return kind === 'switchover' || kind === 'failback';
}

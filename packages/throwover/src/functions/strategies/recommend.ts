import { medianSorted } from 'simple-statistics';
import type { StrategyName } from '../../service/service.ts';

/**
 * Ratio that is good enough: p99 of the first five minutes over the baseline's, at the median of
 * runs.
 */
const goodRatio = 1.2;

/** With fewer runs there is no verdict (A7). */
const enoughRuns = 3;

export interface Candidate {
  readonly strategy: StrategyName;
  readonly usdPerYear: number;
  /** One per run: p99 of its first five minutes over the baseline before it. */
  readonly ratios: readonly number[];
}

export interface Recommendation {
  readonly strategy: StrategyName;
  readonly why: 'cheapest-that-was-good' | 'best-that-was-measured' | 'not-measured';
}

export function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return medianSorted([...values].sort((a, b) => a - b));
}

/**
 * Returns the cheapest strategy whose runs were good at the median; if there is none, the best of
 * the measured ones. Without measurements it returns `provisioned-window`, which waits until the
 * provider reports that every instance is ready.
 */
export function recommend(candidates: readonly Candidate[]): Recommendation {
  const measured = candidates
    .filter(({ ratios }) => ratios.length >= enoughRuns)
    .map((candidate) => ({ ...candidate, ratio: medianOf(candidate.ratios) ?? Infinity }));
  const good = measured
    .filter(({ ratio }) => ratio <= goodRatio)
    .sort((a, b) => a.usdPerYear - b.usdPerYear);
  if (good[0] !== undefined) return { strategy: good[0].strategy, why: 'cheapest-that-was-good' };
  const best = measured.sort((a, b) => a.ratio - b.ratio)[0];
  if (best !== undefined) return { strategy: best.strategy, why: 'best-that-was-measured' };
  return { strategy: 'provisioned-window', why: 'not-measured' };
}

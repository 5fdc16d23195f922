import { quantileSorted } from 'simple-statistics';

/**
 * Quantiles of samples, always with their count (A7). `null` instead of an object means *unknown*:
 * there is no sample.
 */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Returns one quantile, 0 to 1; `null` if there is no sample. */
export function quantileAt(samples: readonly number[], quantile: number): number | null {
  if (samples.length === 0) return null;
  return quantileSorted(
    [...samples].sort((a, b) => a - b),
    quantile,
  );
}

export function quantiles(samples: readonly number[]): Quantiles | null {
  const sorted = [...samples].sort((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return null;
  const at = (q: number) => quantileSorted(sorted, q);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max };
}

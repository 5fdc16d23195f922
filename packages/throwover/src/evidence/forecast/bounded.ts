import { quantileSorted } from 'simple-statistics';
import type { Bounded } from '../../records/records.ts';

export const unknown: Bounded = { lifeMs: null, atLeast: false };

/** Fewest samples for which a figure is given (A7). */
export const fewestSamples = 3;

/**
 * Returns the number of samples that a quantile needs; below 1/(1-q) it is only the largest sample.
 */
export function samplesFor(q: number): number {
  // 1 - 0.9 is not quite 0.1.
  return Math.ceil(1 / (1 - q) - 1e-9);
}

/**
 * Returns a quantile of measured samples: unknown below three, "at least the largest" below
 * 1/(1-q).
 */
export function measuredQuantile(samples: readonly number[], q: number): Bounded {
  const sorted = [...samples].sort((a, b) => a - b);
  const largest = sorted.at(-1);
  if (largest === undefined || sorted.length < fewestSamples) return unknown;
  if (sorted.length < samplesFor(q)) return { lifeMs: largest, atLeast: true };
  return { lifeMs: quantileSorted(sorted, q), atLeast: false };
}

/**
 * Returns a quantile over drawn worlds. A world that never reached the share counts as later than
 * all others, so a quantile that falls on one is at least the largest time that was reached.
 */
export function drawnQuantile(draws: readonly (number | null)[], q: number): Bounded {
  const reached = draws.filter((draw) => draw !== null).sort((a, b) => a - b);
  const largest = reached.at(-1);
  if (largest === undefined) return unknown;
  const never = draws.length - reached.length;
  if (never === 0) return { lifeMs: quantileSorted(reached, q), atLeast: false };
  const value = reached[Math.ceil(q * draws.length) - 1];
  return value === undefined
    ? { lifeMs: largest, atLeast: true }
    : { lifeMs: value, atLeast: false };
}

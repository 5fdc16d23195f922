import type { EvidenceSample } from './samples.ts';

/**
 * Returns for each run the p99 of the five minutes after it, divided by the p99 of the five before;
 * runs without one of them are left out.
 */
export function firstMinutesRatios(
  samples: readonly EvidenceSample<'five-minutes'>[],
): readonly number[] {
  return samples.flatMap(({ whole, baseline }) =>
    whole !== null && baseline !== null && baseline.p99Ms > 0 ? [whole.p99Ms / baseline.p99Ms] : [],
  );
}

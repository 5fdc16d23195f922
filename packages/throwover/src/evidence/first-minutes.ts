import type { EvidenceSample } from './samples.ts';

/** p99 of the first five minutes after each run over the five before it; runs without one of them are left out. */
export function firstMinutesRatios(
  samples: readonly EvidenceSample<'five-minutes'>[],
): readonly number[] {
  return samples.flatMap(({ whole, baseline }) =>
    whole !== null && baseline !== null && baseline.p99Ms > 0 ? [whole.p99Ms / baseline.p99Ms] : [],
  );
}

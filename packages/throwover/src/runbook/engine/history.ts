import { quantileSorted } from 'simple-statistics';
import type { JournalRecord } from '../../store/store.ts';

/**
 * How long a step took in earlier runs, ms as they passed there. Every figure has its count (A7).
 */
export interface Expected {
  readonly p75Ms: number;
  readonly p95Ms: number;
  readonly count: number;
}

/**
 * With fewer earlier runs the usual duration of a step is unknown, and only the declared timeout
 * counts.
 */
export const enoughSamples = 20;

/**
 * Returns how long each step took, from the journals of earlier runs (each a run's records, in
 * order). It counts only steps that were acted on and finished by the controller that began them: a
 * step that was found done took no time, and a controller that took a step over has not seen its
 * beginning.
 */
export function expectedOf(
  journals: Iterable<readonly JournalRecord[]>,
): ReadonlyMap<string, Expected> {
  const samples = new Map<string, number[]>();
  for (const records of journals) {
    const begunBy = new Map<string, number>();
    for (const record of records) {
      if (record.type === 'intent') begunBy.set(record.step, record.token);
      if (record.type !== 'outcome' || record.result !== 'acted') continue;
      const { step, token, durationMs } = record;
      if (begunBy.get(step) !== token) continue;
      samples.set(step, [...(samples.get(step) ?? []), durationMs]);
    }
  }
  return new Map([...samples].map(([step, taken]) => [step, figuresOf(taken)]));
}

function figuresOf(taken: readonly number[]): Expected {
  const sorted = [...taken].sort((a, b) => a - b);
  return {
    p75Ms: quantileSorted(sorted, 0.75),
    p95Ms: quantileSorted(sorted, 0.95),
    count: sorted.length,
  };
}

import { seededRandom } from 'throwover/kernel';
import { expect, it } from 'vitest';
import { retryOffsetsMs, waitAfterMs } from './schedule.ts';

const HOUR = 3_600_000;

it('tries again for three days of life time, each wait at least as long as the one before, then gives up', () => {
  expect(retryOffsetsMs.at(-1)).toBe(72 * HOUR);
  const gaps = retryOffsetsMs.map((offset, i) => offset - (retryOffsetsMs[i - 1] ?? 0));
  expect(Math.min(...gaps)).toBe(300_000);
  expect(waitAfterMs(retryOffsetsMs.length + 1, 60, seededRandom(1))).toBeNull();
});

it('scales the waits, with a jitter of a tenth that a seed repeats', () => {
  const waits = (timeScale: number) => {
    const random = seededRandom(7);
    return retryOffsetsMs.map((_, i) => waitAfterMs(i + 1, timeScale, random) ?? Number.NaN);
  };
  expect(waits(60)).toEqual(waits(60));
  expect(waits(60)[0]).toBeGreaterThan(4_500);
  expect(waits(60)[0]).toBeLessThan(5_500);
  waits(1).forEach((wait, i) => {
    expect(wait / 60).toBeCloseTo(waits(60)[i] ?? Number.NaN);
  });
});

import { expect, test } from 'vitest';
import { QuantileSketch, relativeError, seededRandom } from './kernel.ts';

const shares = [0.01, 0.25, 0.5, 0.95, 0.99, 0.999, 1];

/** The exact nearest-rank quantile of all values. */
function exact(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? Number.NaN;
}

/** Values from microseconds to days, many of them in a narrow band, as lag is. */
function lags(seed: number, count: number): readonly number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const kind = random.next();
    if (kind < 0.8) return 3 + random.next();
    return kind < 0.95 ? 10 ** (random.next() * 11 - 3) : random.next() * 2_000;
  });
}

test('sketches that are merged from days tell the quantiles of all values within 1 %', () => {
  for (const seed of [1, 2, 3]) {
    const days = Array.from({ length: 30 }, (_, day) => lags(1_000 * seed + day, 500 + 40 * day));
    const merged = new QuantileSketch();
    for (const day of days) {
      const sketch = new QuantileSketch();
      for (const value of day) sketch.add(value);
      merged.merge(QuantileSketch.of(JSON.parse(JSON.stringify(sketch))));
    }
    const all = days.flat();
    expect(merged.count).toBe(all.length);
    for (const share of shares) {
      const truth = exact(all, share);
      const told = merged.quantile(share) ?? Number.NaN;
      expect(Math.abs(told - truth) / truth, `${share}`).toBeLessThanOrEqual(relativeError + 1e-9);
    }
  }
});

test('merging is the same in every order, and adds nothing for a span without values', () => {
  const parts = [lags(7, 100), [], lags(8, 30)].map((values) => {
    const sketch = new QuantileSketch();
    for (const value of values) sketch.add(value);
    return sketch;
  });
  const of = (order: readonly number[]) => {
    const merged = new QuantileSketch();
    for (const index of order) merged.merge(parts[index] ?? new QuantileSketch());
    return shares.map((share) => merged.quantile(share));
  };
  expect(of([0, 1, 2])).toEqual(of([2, 1, 0]));
  expect(parts[1]?.quantile(0.5)).toBeNull();
});

test('zero is told as zero, and no value is lost at either end', () => {
  const sketch = new QuantileSketch();
  sketch.add(0, 98);
  sketch.add(1e-9);
  sketch.add(90 * 86_400_000);
  expect([sketch.count, sketch.quantile(0.5), sketch.quantile(0.99)]).toEqual([100, 0, 0]);
  expect(sketch.quantile(1)).toBeCloseTo(90 * 86_400_000, -8);
});

import { expect, test } from 'vitest';
import { judgeRounds } from './review-simulation.ts';
import { compare, quantileOf, samplesNeeded, studentT } from './statistics.ts';

const model = { correlation: 0.6, spread: 0.15, weekday: 0.2, weeksBefore: 8, weeksAfter: 4 };

// 300 rounds here: the standard error of 2 % is below 1 %. `npm run review-statistics` plays 10,000.
test.each([0.5, 0.9])(
  'of 300 series without an effect, few are called improved at the quantile %s',
  (quantile) => {
    const counts = judgeRounds({
      model,
      effect: 0,
      quantile,
      rounds: 300,
      seed: 11,
      resamples: 200,
    });
    expect(counts.improved).toBeLessThan(15);
    expect(counts.worse).toBeLessThan(15);
    expect(counts.unknown).toBe(0);
  },
);

test('half as much is seen nearly always, and never as worse', () => {
  const counts = judgeRounds({
    model,
    effect: 0.5,
    quantile: 0.5,
    rounds: 100,
    seed: 5,
    resamples: 200,
  });
  expect(counts.improved).toBeGreaterThan(95);
  expect(counts.worse).toBe(0);
});

const noisy = (level: number, blocks: number) =>
  Array.from({ length: blocks }, (_, block) =>
    Array.from({ length: 20 }, (_, i) => level * (1 + 0.01 * ((i * 7 + block * 3) % 11))),
  );

test('a change is told with its direction, its size and its counts', () => {
  const given = { before: noisy(100, 8), after: noisy(70, 4), quantile: 0.5, minBlocks: 3 };
  const lower = compare({ ...given, better: 'lower' });
  expect(lower.verdict).toBe('improved');
  expect(lower.change).toBeCloseTo(-0.3, 2);
  expect(lower.interval?.[0]).toBeLessThan(-0.29);
  expect(lower.interval?.[1]).toBeGreaterThan(-0.31);
  expect(lower.samples).toEqual({ before: 160, after: 80 });
  expect(compare({ ...given, better: 'higher' }).verdict).toBe('worse');
});

test.each([
  ['samples', noisy(100, 8), [[1], [2], [3]], '3 samples after, 4 are needed'],
  ['blocks', noisy(100, 8), noisy(70, 2), '2 blocks with samples after, 3 are needed'],
  ['ratio', noisy(100, 8), noisy(0, 4), 'a quantile of zero has no ratio'],
])('without %s it is unknown', (_, before, after, reason) => {
  const seen = compare({ before, after, quantile: 0.5, better: 'lower', minBlocks: 3 });
  expect(seen).toMatchObject({ verdict: 'unknown', change: null, interval: null, reason });
});

test('a bad week among good ones is no improvement when it is gone', () => {
  const week = (level: number) => Array.from({ length: 70 }, (_, i) => level * (1 + 0.002 * i));
  const before = [100, 100, 100, 300].map(week);
  const after = [100, 100, 100, 100].map(week);
  const seen = compare({ before, after, quantile: 0.9, better: 'lower', minBlocks: 3 });
  expect(seen.change).toBeLessThan(-0.5);
  expect(seen.verdict).toBe('no-difference');
});

test('samples that a quantile needs', () => {
  expect([0.5, 0.9, 0.99].map(samplesNeeded)).toEqual([4, 20, 200]);
  expect(quantileOf([], 0.5)).toBeNull();
});

// Abramowitz and Stegun, table 26.10.
test.each([
  [0.975, 5, 2.571],
  [0.99, 3, 4.541],
  [0.99, 10, 2.764],
  [0.99, 60, 2.39],
])('t at %s with %s degrees of freedom is %s', (quantile, freedom, table) => {
  expect(Math.abs(studentT(quantile, freedom) / table - 1)).toBeLessThan(
    freedom < 10 ? 0.03 : 0.005,
  );
});

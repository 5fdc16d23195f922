import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepSeries, readSeries } from '../results/series.ts';
import { type ForecastRound, forecastSeries, scored, verdictOf, verdictText } from './results.ts';

const row = { 'resolver-tail': 0, 'pinned-connection': 0, 'runtime-cache': 0, unknown: 0 };

/** A forecast of 100 to 200 s with a median of 150, and a truth. */
function round(number: number, truthSeconds: number | null, learning = false): ForecastRound {
  const share = { p5LifeMs: 100_000, p50LifeMs: 150_000, p95LifeMs: 200_000 };
  const truthMs = truthSeconds === null ? null : truthSeconds * 1_000;
  return {
    ...{ seed: 1, commit: 'abc', at: '2026-11-23T00:00:00Z', round: number, learning },
    ...{ runId: `run_${number}`, from: 'east', to: 'west', mix: { honest: 1 } },
    forecast: { t50: share, t90: share, t99: share, weights: 'known', residualShare: 0 },
    truth: {
      ...{ t50LifeMs: truthMs, t90LifeMs: truthMs, t99LifeMs: truthMs },
      ...{ resolutionLifeMs: 5_000, requests: 100, stragglers: 10 },
    },
    matrix: {
      'resolver-tail': { ...row, 'resolver-tail': 7, 'runtime-cache': 1 },
      'pinned-connection': { ...row, 'pinned-connection': 1 },
      'runtime-cache': { ...row, unknown: 1 },
    },
    ...{ compared: 10, unmatched: 0, failed: 0, busyShare: 0.5 },
  };
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-forecast-results-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('an error is a share of the truth; inside is between the bounds; what is unknown is neither', () => {
  expect(scored(round(1, 120), 't90')).toMatchObject({ error: 0.25, inside: true });
  expect(scored(round(1, 250), 't90')).toMatchObject({ error: -0.4, inside: false });
  expect(scored(round(1, null), 't90')).toMatchObject({ error: null, inside: null });
});

test('held: the median errors of t90 and t99, and four of five inside; rounds to learn from do not count', () => {
  const of = (count: number, truthSeconds: number, learning = false) =>
    Array.from({ length: count }, (_, n) => round(n + 1, truthSeconds, learning));
  expect(verdictOf([...of(24, 149), ...of(6, 300)])).toMatchObject({
    ...{ rounds: 30, inside: { t90: 24, t99: 24 }, good: true },
  });
  expect(verdictOf([...of(24, 149), ...of(7, 300)]).good).toBe(false);
  expect(verdictOf([...of(30, 149), ...of(9, 300, true)])).toMatchObject({
    rounds: 30,
    good: true,
  });
  // Inside the interval, but too far off.
  expect(verdictOf(of(30, 120)).good).toBe(false);
});

test('fewer than 30 rounds decide nothing', () => {
  const few = Array.from({ length: 29 }, (_, n) => round(n + 1, 149));
  expect(verdictOf(few).good).toBeNull();
  expect(verdictText(verdictOf(few))).toBe('undecided: 29 of 30 rounds');
});

test('rounds are kept one by one, read back, and summed up in the README beside them', async () => {
  const file = join(dir, 'forecast.jsonl');
  expect(await readSeries(file, forecastSeries)).toEqual([]);
  await keepSeries(file, forecastSeries, round(1, 149, true));
  await keepSeries(file, forecastSeries, round(1, 149));
  await keepSeries(file, forecastSeries, round(2, 250));
  expect(await readSeries(file, forecastSeries)).toHaveLength(3);
  const readme = await readFile(join(dir, 'README.md'), 'utf8');
  expect(readme).toContain('| 1 (abc) | 2 |');
  expect(readme).toContain('| resolver-tail | 21 | 0 | 3 | 0 |');
  expect(readme).toContain('| 1, 2 | 150 (100 to 200) | 250 (outside) |');
});

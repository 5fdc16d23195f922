import { expect, test } from 'vitest';
import {
  type MeasuredStrategy,
  recommended,
  verdicts,
  type WarmSeries,
  warmStrategiesSeries,
} from './results.ts';

const round = (ratio: number, busyShare: number | null): MeasuredStrategy['rounds'][number] => ({
  ...{ round: 1, runId: 'r', to: 'west', acted: 'x', coldStarts: 0, failed: 0, busyShare },
  whole: { requests: 200, p50Ms: 10, p99Ms: 100 * ratio, errorRate: 0 },
  baseline: { requests: 200, p50Ms: 10, p99Ms: 100, errorRate: 0 },
});

function series(strategies: WarmSeries['strategies']): WarmSeries {
  return {
    ...{ seed: 1, commit: 'abc', at: '2026-11-23T15:00:00Z', requestsPerSecond: 40 },
    ...{ timeScale: 60, instances: 8, memoryMb: 512, pricesOf: 'a list' },
    strategies,
  };
}

const always: MeasuredStrategy = {
  ...{ strategy: 'always-on', usdPerWindow: 0.1, usdPerYear: 500 },
  rounds: [round(1, 0.3)],
};
const perWindow = (ratios: readonly number[]): MeasuredStrategy => ({
  ...{ strategy: 'provisioned-window', usdPerWindow: 0.1, usdPerYear: 0.5 },
  rounds: ratios.map((ratio) => round(ratio, 0.5)),
});

test('the cheapest that is within 1.2 times the baseline at 2 % of always-on is recommended', () => {
  const whole = series([always, perWindow([1, 1.1, 3])]);
  expect(recommended(whole)).toMatchObject({ strategy: 'provisioned-window', medianRatio: 1.1 });
});

test('always-on is never cheap, and what is slow is never good', () => {
  expect(recommended(series([always, perWindow([1.3, 1.3, 1])]))).toBeNull();
  expect(recommended(series([{ ...always }, perWindow([])]))).toBeNull();
});

test('a round on a machine that was too busy, or of which nobody knows, does not count', () => {
  const busy = { ...perWindow([]), rounds: [round(1, 0.61), round(1, null), round(2, 0.6)] };
  const verdict = verdicts(series([always, busy])).find(
    ({ strategy }) => strategy === 'provisioned-window',
  );
  expect(verdict).toMatchObject({ medianRatio: 2, counted: 1, good: false });
});

test('the table tells how many rounds counted, and what could not be known', () => {
  const text = warmStrategiesSeries.render([series([always, perWindow([])])]);
  expect(text).toContain('| provisioned-window | unknown / unknown (0 of 0) |');
  expect(text).toContain('| always-on | 1.00 / 1.00 (1 of 1) |');
});

import { expect, test } from 'vitest';
import { unscaled, wallMsOfIso } from '../../kernel/kernel.ts';
import type { JournalRecord } from '../../store/shapes.ts';
import { alwaysOnCost, invocationsCost, provisionedWindowCost, quarterlyWindows } from './cost.ts';
import { checkPrices, shippedPrices } from './prices.ts';
import { runCost, warmthOfRun } from './run-cost.ts';

const prices = shippedPrices();
const ten = { prices, instances: 10, memoryMb: 512, windows: quarterlyWindows };

test('ten instances of half a GB: a window, a quarter of them, and a year by hand', () => {
  // 10 x 0.5 GB x 7,200 s x 0.0000041667 USD
  expect(provisionedWindowCost(ten).perWindow).toBeCloseTo(0.15, 4);
  expect(provisionedWindowCost(ten).perYear).toBeCloseTo(0.6, 3);
  // 10 x 0.5 GB x 31,536,000 s x 0.0000041667 USD
  expect(alwaysOnCost(ten).perYear).toBeCloseTo(657.01, 1);
});

test('a started step of five minutes is paid for in full', () => {
  const window = (seconds: number) =>
    provisionedWindowCost({ ...ten, windows: { seconds, perYear: 1 } }).perWindow;
  expect(window(301)).toBe(window(600));
  expect(window(300)).toBeLessThan(window(301));
});

test('invocations cost their requests and the time for which they are held', () => {
  const cost = invocationsCost({
    ...{ prices, memoryMb: 1_024, requests: 1_000_000, billedMs: 1_000_000, windowsPerYear: 4 },
  });
  expect(cost.perWindow).toBeCloseTo(0.2 + 0.0166667, 5);
  expect(cost.perYear).toBeCloseTo(4 * cost.perWindow, 9);
});

test('prices that nobody has looked at for too long are refused, with their day and source', () => {
  const looked = wallMsOfIso(`${prices.asOf}T00:00:00Z`) ?? Number.NaN;
  const maxAgeMs = 365 * 86_400_000;
  expect(checkPrices(prices, { wallMs: looked + maxAgeMs, maxAgeMs })).toBe(prices);
  expect(() => checkPrices(prices, { wallMs: looked + maxAgeMs + 1, maxAgeMs })).toThrow(
    expect.objectContaining({
      code: 'functions-prices-old',
      evidence: { asOf: prices.asOf, source: prices.source },
    }),
  );
});

const common = { seq: 1, token: 1 };
const intent = (wallMs: number): JournalRecord => ({
  ...{ ...common, wallMs, type: 'intent', step: 'warm', observed: { requested: 2 } },
});
const outcome = (
  wallMs: number,
  step: string,
  evidence: Record<string, number | string | null>,
): JournalRecord => ({
  ...{ ...common, wallMs, type: 'outcome', step, kind: 'machine', result: 'acted' },
  ...{ durationMs: 900, evidence },
});

const of = (records: readonly JournalRecord[], untilWallMs = 0) =>
  runCost({ prices, memoryMb: 1_024, records, untilWallMs, timeScale: unscaled });

test('a run pays for what it added to the team’s own instances, until it released them', () => {
  const warm = outcome(5_000, 'warm', {
    ...{ strategy: 'provisioned-window', instances: 12, needed: 12, former: 2 },
  });
  const released = [intent(0), warm, outcome(600_000, 'release', { requested: 2 })];
  const ten = 10 * 600 * prices.provisionedGbSecond;
  expect(of(released, 9_000_000)).toBeCloseTo(ten, 9);
  // Not released: counted until now.
  expect(of([intent(0), warm], 1_200_000)).toBeCloseTo(2 * ten, 9);
  // They were already there: the run requested nothing.
  expect(of([warm], 1_200_000)).toBe(0);
});

test('invocations cost what was billed, a ramp and nothing cost nothing', () => {
  const invoked = outcome(1, 'warm', {
    ...{ strategy: 'warm-up-invocations', instances: 3, requests: 7, billedMs: 2_000 },
  });
  expect(of([invoked])).toBeCloseTo(7 * prices.perRequest + 2 * prices.onDemandGbSecond, 12);
  expect(warmthOfRun([invoked])).toMatchObject({ strategy: 'warm-up-invocations', instances: 3 });
  expect(of([])).toBe(0);
  expect(of([outcome(1, 'ramp', {})])).toBe(0);
  expect(warmthOfRun([outcome(1, 'warm', { needed: null, notAsked: 'x' })]).strategy).toBe(
    'nothing',
  );
});

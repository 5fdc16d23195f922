import { expect, test } from 'vitest';
import type { FunctionsReport } from './functions-report.ts';
import { functionsText } from './functions-view.ts';

const report: FunctionsReport = {
  ...{ from: 'east', to: 'west', needed: 12, refusal: null, pricedInstances: 12 },
  use: [
    {
      ...{ source: 'door', atWallMs: 0, windowMs: 300_000, requests: 18_000 },
      ...{ arrivalsPerSecond: 80, meanMs: 50, p99Ms: 240, errorRate: 0, peakConcurrency: 6 },
    },
  ],
  facts: {
    ...{ region: 'west', provisioned: null, accountLimit: 1_000, unreservedLimit: 900 },
    ...{ reserved: null, memoryMb: 512, timeoutMs: 3_000, parity: {} },
  },
  room: { limit: 900, name: 'the unreserved concurrency of the account' },
  ...{ differing: [], onDemandMs: 0, initMs: null, configured: 'provisioned-window' },
  strategies: [
    {
      ...{ strategy: 'provisioned-window', says: 'a window' },
      ...{ cost: { perWindow: 0.18, perYear: 0.72 }, ratio: 1.1, runs: 10 },
    },
    {
      ...{ strategy: 'nothing', says: 'cold' },
      ...{ cost: { perWindow: 0, perYear: 0 }, ratio: null, runs: 0 },
    },
  ],
  recommended: { strategy: 'provisioned-window', why: 'cheapest-that-was-good' },
  prices: { asOf: '2026-09-20', source: 'a page', holdsFor: 'a region' },
};

test('it says what is used, needed and allowed, and marks the strategy in force', () => {
  const text = functionsText(report);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(text.replaceAll(/\s+/g, ' ')).toContain("4.0 at once by Little's law, 6 counted");
  expect(text).toContain('12 warm instances in west');
  expect(text).toMatch(/^provisioned-window \* +0\.18 +0\.72 +1\.10x \(n=10\)$/m);
  expect(text).toMatch(/^nothing +0 +0 +not measured$/m);
  expect(text).toMatch(/^provisioned-window +a window$/m);
});

test('a refusal, a difference and a start that nobody has measured are said', () => {
  const text = functionsText({
    ...{ ...report, needed: null, refusal: 'too few' },
    differing: ['code', 'memoryMb'],
  });
  expect(text).toContain('REFUSED: too few');
  expect(text).toContain('NOT ALIKE: code, memoryMb');
  expect(text).toContain('a start has not been measured, so at least');
});

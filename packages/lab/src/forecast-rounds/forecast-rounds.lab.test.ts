import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askMachine } from '../world/ask-machine.ts';
import type { LabMap } from '../world/map.ts';
import { labMap } from '../world/map.ts';
import { type LabResolver, placeOf } from '../world/resolver-list.ts';
import { forecastLab, playForecastRounds } from './forecast-rounds.ts';

/** Separate from all other labs (7600, 8600, 9100, 12100, 12300, 13000, 13100). */
const portBase = 12_400;

/** A survey of about 10 s, a switchover and its stragglers; slower on a loaded machine. */
const timeoutMs = 400_000;

/** The shortest hold times that can be distinguished from a TTL of 60 s. */
const resolvers = (map: LabMap): readonly LabResolver[] =>
  [
    { behaviour: 'honest' as const },
    { behaviour: 'serve-stale' as const },
    { behaviour: 'clamped' as const, holdSeconds: 180 },
    { behaviour: 'clamped' as const, holdSeconds: 240 },
    { behaviour: 'long-hold' as const, holdSeconds: 360 },
  ].map((one, index) => ({ ...one, ...placeOf(map, index), firstAgeShare: 0, share: null }));

interface Surveyed {
  readonly identity: string;
  readonly behaviour: string;
  readonly clampLifeSeconds: number | null;
}

test.skipIf(process.platform === 'darwin')(
  'a round: the survey names resolvers that it was not told of, beacons tell who stands behind them, the run forecasts itself, the clients say how it was',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'throwover-forecast-test-'));
    const map = labMap(portBase, dir);
    const lab = forecastLab({
      ...{
        seed: 3,
        portBase,
        dir,
        clients: 20,
        requestsPerSecond: 5,
        assetsPerSecond: 40,
        resolvers,
      },
    });
    let rounds = 0;
    try {
      await playForecastRounds({
        ...{ lab, first: 1, last: 1, learning: 0, say: () => {} },
        each: async ({ forecast, truth, matrix, compared }) => {
          rounds += 1;
          const surveyed = await askMachine<readonly Surveyed[]>(
            map,
            map.store,
            '/v1/evidence/checkout/resolver',
          );
          const found = new Map(surveyed.map((one) => [one.identity, one]));
          for (const { from = '', holdSeconds = null } of resolvers(map)) {
            const one = found.get(from);
            expect(one?.clampLifeSeconds === null).toBe(holdSeconds === null);
            // A second of the survey is a minute of life time.
            expect(Math.abs((one?.clampLifeSeconds ?? 0) - (holdSeconds ?? 0))).toBeLessThan(61);
          }
          expect(found.get('127.0.11.1')?.behaviour).toBe('serves-stale');
          expect(forecast.weights).toBe('known');
          expect(forecast.residualShare).toBe(0);
          for (const share of [forecast.t90, forecast.t99]) {
            expect(share.p5LifeMs).not.toBeNull();
            expect(share.p95LifeMs).toBeGreaterThanOrEqual(share.p5LifeMs ?? Infinity);
          }
          expect(truth.t90LifeMs).not.toBeNull();
          expect(truth.stragglers).toBeGreaterThan(0);
          expect(compared).toBeGreaterThan(0);
          const said = (row: Readonly<Record<string, number>>) =>
            Object.values(row).reduce((sum, count) => sum + count, 0);
          expect(said(matrix['resolver-tail'])).toBeGreaterThan(0);
          expect(truth.requests).toBeGreaterThan(100);
        },
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
    expect(rounds).toBe(1);
  },
  timeoutMs,
);

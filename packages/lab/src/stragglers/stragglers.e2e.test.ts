import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askJson } from '../world/json.ts';
import { Lab } from '../world/lab.ts';
import { labOptions } from '../world/options.ts';
import { linesOf, measureStragglers } from './stragglers.ts';

/** Apart from a lab by hand (7600), from benchmarks (8600, 13000) and from the lab's own test (9100). */
const portBase = 13_100;

const timeoutMs = 180_000;

interface Point {
  readonly stragglers: number;
}

let lab: Lab;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-stragglers-test-'));
  lab = await Lab.up(
    labOptions({
      ...{ portBase, dir, lagProfile: 'none', latencyMs: 20, keepWarm: '6s' },
      runtimeCacheShare: 0.25,
      // More 15-min holders than in life: each shows itself several times.
      resolverShares: { honest: 0.5, clamped: 0.25, longHold: 0.25 },
    }),
  );
}, timeoutMs);

afterAll(async () => {
  await lab?.down();
  rmSync(dir, { recursive: true, force: true });
}, timeoutMs);

test(
  'a switchover at TTL 60 s with 15-min holders and the old region alive fails no request, and says who came late and why',
  async () => {
    const measured = await measureStragglers(lab);
    console.log(linesOf(measured).join('\n'));
    const { figures, stragglers, addedMs, matrix, compared } = measured;
    expect(figures.requestsFailed).toBe(0);
    expect(figures.requestsFailedAfterPromotion).toBe(0);
    expect(stragglers).toBeGreaterThan(100);
    // Both ways over the border between the regions, at least.
    expect(addedMs?.count).toBeGreaterThan(100);
    expect(addedMs?.p50).toBeGreaterThan(35);
    const sum = (row: Readonly<Record<string, number>>) =>
      Object.values(row).reduce((total, n) => total + n, 0);
    // The door knows its connections: a pinned one is never taken for another, nor the other way round.
    const pinned = matrix['pinned-connection'];
    const others = [matrix['resolver-tail'], matrix['runtime-cache']];
    const wrong =
      sum(pinned) -
      pinned['pinned-connection'] +
      sum(Object.fromEntries(others.map((row, n) => [n, row['pinned-connection']])));
    expect(wrong).toBeLessThanOrEqual(compared * 0.02);
    expect(measured.rightShare).toBeGreaterThan(0.6);
    // What `serve` keeps of connections for the forecast, meanwhile.
    const kept = await askJson<readonly { region: string; open: number }[]>(
      lab.map.store,
      '/v1/evidence/checkout/connections',
    );
    expect(new Set(kept.map(({ region }) => region))).toEqual(new Set(['east', 'west']));
    const [curve] = await askJson<readonly { drained: boolean; points: readonly Point[] }[]>(
      lab.map.store,
      '/v1/evidence/checkout/straggler-curve',
    );
    expect(curve).toMatchObject({ from: 'east', to: 'west', drained: true, residualShare: 0 });
    expect(curve?.points.at(-1)?.stragglers).toBeGreaterThan(100);
  },
  timeoutMs,
);

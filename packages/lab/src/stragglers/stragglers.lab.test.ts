import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askMachine } from '../world/ask-machine.ts';
import { until } from '../world/json.ts';
import { Lab } from '../world/lab.ts';
import { labOptions } from '../world/options.ts';
import { linesOf, measureStragglers } from './stragglers.ts';

/**
 * Separate from a lab by hand (7600), from benchmarks (8600, 13000) and from the lab's own test
 * (9100).
 */
const portBase = 13_100;

/** Long enough for a loaded machine; this file asserts nothing about durations. */
const timeoutMs = 300_000;

/** Enough stragglers to judge shares by. */
const someStragglers = 100;

interface Curve {
  readonly drained: boolean;
  readonly points: readonly { readonly stragglers: number }[];
}

let lab: Lab;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-stragglers-test-'));
  lab = await Lab.up(
    labOptions({
      ...{ portBase, dir, lagProfile: 'none', latencyMs: 20 },
      runtimeCacheShare: 0.25,
      // As long as load balancers wait: the service must not fail, and a busy machine is not the
      // service.
      patienceMs: 30_000,
      // This measures which clients are late. `measured` would count what a busy machine needs at
      // once, and ask for more instances than the account has. Nothing is released after the flip:
      // the cold starts that follow a release stopped a busy machine for seconds, and the account's
      // limit then refused requests.
      ...{ warm: 12, warmStrategy: 'warm-up-invocations' },
      requestsPerSecond: 30,
      // On a busy machine a request takes seconds: with 500 ms for it the fence would cut it off.
      drain: { hold: '10s', openTransactions: '3s' },
      // More 15-min holders than in production. How many stragglers come depends on how old the
      // resolvers' answers are at the flip: with a quarter of the clients behind such resolvers
      // there were 47 to 177.
      resolverShares: { honest: 0, clamped: 0.2, longHold: 0.8 },
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
    expect(stragglers).toBeGreaterThan(someStragglers);
    // At least one way in each direction over the border between the regions.
    expect(addedMs?.count).toBeGreaterThan(someStragglers);
    expect(addedMs?.p50).toBeGreaterThan(35);
    const sum = (row: Readonly<Record<string, number>>) =>
      Object.values(row).reduce((total, n) => total + n, 0);
    // The door knows its connections: it never confuses a pinned connection with another cause.
    const pinned = matrix['pinned-connection'];
    const others = [matrix['resolver-tail'], matrix['runtime-cache']];
    const wrong =
      sum(pinned) -
      pinned['pinned-connection'] +
      sum(Object.fromEntries(others.map((row, n) => [n, row['pinned-connection']])));
    expect(wrong).toBeLessThanOrEqual(compared * 0.02);
    expect(measured.rightShare).toBeGreaterThan(0.6);
    // The data about connections that `serve` stores for the forecast meanwhile.
    const kept = await askMachine<readonly { region: string; open: number }[]>(
      lab.map,
      lab.map.store,
      '/v1/evidence/checkout/connections',
    );
    expect(new Set(kept.map(({ region }) => region))).toEqual(new Set(['east', 'west']));
    // And the curve of the run, as soon as its last straggler is gone.
    const curves = () =>
      askMachine<readonly Curve[]>(lab.map, lab.map.store, '/v1/evidence/checkout/straggler-curve');
    await until('the curve is kept', async () => (await curves()).length > 0, { timeoutMs });
    const [curve] = await curves();
    expect(curve).toMatchObject({ from: 'east', to: 'west', drained: true, residualShare: 0 });
    expect(curve?.points.at(-1)?.stragglers).toBeGreaterThan(someStragglers);
  },
  timeoutMs,
);

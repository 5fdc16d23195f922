import { expect, test } from 'vitest';
import { z } from 'zod';
import { TimeScale } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
} from '../records/samples.ts';
import type { RunState } from '../store/shapes.ts';
import type { DoorCounts } from '../traffic/door.ts';
import { BeaconLog } from '../traffic/stragglers/beacons.ts';
import { StragglerMeter } from '../traffic/stragglers/meter.ts';
import { watchStragglers } from './straggler-watch.ts';

/** A look must not fail in these tests. */
const failed = (error: unknown) => expect.unreachable(String(error));

const clock = createVirtualClock();

/** Two doors, each with a real meter and a real log of beacons. */
function door(region: string) {
  const meter = new StragglerMeter({ clock, bucketMs: 100 });
  const beacons = new BeaconLog(clock);
  const counts: DoorCounts = {
    region,
    stragglers: async (sinceEpoch) => meter.report(sinceEpoch),
    connections: async (olderThanMs) => ({
      atWallMs: clock.wallMs(),
      open: 2,
      agesMs: [10, olderThanMs + 10],
      requests: 4,
      requestsOnOldShare: 0.5,
    }),
    beacons: async (sinceWallMs) => beacons.since(sinceWallMs),
    latency: async () => [],
  };
  return { meter, beacons, counts };
}

/** Checks that every stored sample has the shape that the server accepts. */
function memoryLog() {
  const kept = new Map<EvidenceKind, unknown[]>();
  const log: EvidenceLog = {
    add: async (kind, samples) => {
      z.array(evidenceSamples[kind]).parse(samples);
      kept.set(kind, [...[...samples].reverse(), ...(kept.get(kind) ?? [])]);
    },
    list: async <K extends EvidenceKind>(kind: K) => (kept.get(kind) ?? []) as EvidenceSample<K>[],
  };
  return log;
}

function run(runId: string, flippedMs: number | null): RunState {
  const outcome = {
    ...{ seq: 1, wallMs: clock.wallMs(), token: 1, step: 'flip', durationMs: 10 },
    ...({ type: 'outcome', kind: 'machine', result: 'acted' } as const),
    evidence: { atWallMs: flippedMs },
  };
  return {
    ...{ runId, service: 'checkout', kind: 'switchover', from: 'east', to: 'west', epoch: 1 },
    ...{ planDigest: 'x', owner: 'x', token: 1, status: 'succeeded' as const, plan: null },
    ...{ startedWallMs: clock.wallMs(), endedWallMs: clock.wallMs() },
    records: flippedMs === null ? [] : [outcome],
  };
}

test('a run is watched until it has drained, and its curve is written once, with causes and beacons', async () => {
  const [east, west] = [door('east'), door('west')];
  const evidence = memoryLog();
  const runs: RunState[] = [];
  const stop = new AbortController();
  await evidence.add('resolver', [
    {
      ...{ atWallMs: clock.wallMs(), vantage: 'test', resolver: '192.0.2.53:53' },
      ...{ identity: '192.0.2.53', behaviour: 'clamps-minimum', clampLifeSeconds: 300 },
      ...{ ttlSeconds: 60, holdoversLifeMs: [1, 2, 3], trials: 3, finished: true },
    },
  ]);
  const watching = watchStragglers({
    service: 'checkout',
    doors: [east.counts, west.counts],
    ttlMs: 60_000,
    timeScale: new TimeScale(60),
    store: {
      runs: async () => runs,
      run: async (id) => runs.find(({ runId }) => runId === id) ?? run(id, null),
    },
    evidence,
    resolverOf: async (nonces) => new Map(nonces.map((nonce) => [nonce, '192.0.2.53'])),
    clock,
    signal: stop.signal,
    failed,
  });
  east.beacons.add('nonce', '198.51.100.0/24');
  await clock.advance(2_000);
  expect(await evidence.list('beacon')).toMatchObject([
    { network: '198.51.100.0/24', resolver: '192.0.2.53', count: 1 },
  ]);
  const [connections] = await evidence.list('connections');
  // The TTL of 60 s passes in 1 s here; ages are in life time.
  expect(connections).toMatchObject({ region: 'west', agesMs: [600, 60_600] });

  west.meter.begin(2, 'serve', clock.wallMs());
  east.meter.begin(2, 'forward', clock.wallMs());
  runs.unshift(run('run_1', clock.wallMs()));
  const at = (lifeMs: number) => ({ lifeMs, atLeast: false });
  const share = { p5: at(200_000), p50: at(270_000), p95: at(290_000) };
  const shares = { t50: share, t90: { ...share, p95: at(310_000) }, t99: share };
  await evidence.add('forecast', [
    {
      ...{ runId: 'run_1', atWallMs: clock.wallMs(), kind: 'switchover', seed: 1 },
      ...{ holdover: shares, rto: shares, residualShare: 0, approveMs: null, weights: 'known' },
    },
  ]);
  const origin = { network: '198.51.100.0/24', agent: 'curl' };
  const openedBefore = clock.monotonicMs() - 1;
  // 100 requests per second; 60 % are stragglers for 5 s: all behind a clamp of 300 s, and one
  // client that kept a connection.
  for (let n = 0; n < 3_000; n++) {
    await clock.advance(10);
    if (n < 500 && n % 5 < 3) {
      const arrivedMs = clock.monotonicMs();
      const openedMs = n === 0 ? openedBefore : arrivedMs;
      east.meter.straggler(origin, { openedMs, arrivedMs });
      east.meter.added(3);
    } else west.meter.direct();
  }
  await clock.advance(3_000);
  const curves = await evidence.list('straggler-curve');
  expect(curves).toHaveLength(1);
  expect(curves[0]).toMatchObject({
    runId: 'run_1',
    from: 'east',
    to: 'west',
    ttlSeconds: 60,
    residualShare: 0,
    drained: true,
    t50LifeMs: 300_000,
    t90LifeMs: 300_000,
    addedLatencyMs: { count: 300 },
  });
  expect(curves[0]?.points.at(-1)?.byCause).toEqual({
    'resolver-tail': 299,
    'pinned-connection': 1,
    'runtime-cache': 0,
    unknown: 0,
  });
  // The forecast from before the run is scored by the same look.
  expect(await evidence.list('forecast-score')).toMatchObject([
    {
      runId: 'run_1',
      t50: { predictedLifeMs: 270_000, measuredLifeMs: 300_000, inside: false },
      t90: { inside: true },
    },
  ]);
  stop.abort();
  await watching;
});

test('the next run ends the watch; a run without a flip, or whose old door is gone, has no curve', async () => {
  const west = door('west');
  const evidence = memoryLog();
  west.meter.begin(2, 'serve', clock.wallMs());
  const lost = run('run_lost', clock.wallMs());
  await clock.advance(5_000);
  const runs = [run('run_undone', null), lost];
  const stop = new AbortController();
  let reads = 0;
  const watching = watchStragglers({
    service: 'checkout',
    doors: [west.counts],
    ttlMs: 60_000,
    timeScale: new TimeScale(60),
    store: {
      runs: async () => runs,
      run: async (id) => {
        reads += 1;
        return runs.find(({ runId }) => runId === id) ?? lost;
      },
    },
    evidence,
    resolverOf: null,
    clock,
    signal: stop.signal,
    failed,
  });
  await clock.advance(10_000);
  expect(await evidence.list('straggler-curve')).toEqual([]);
  expect(reads).toBe(2);
  stop.abort();
  await watching;
});

import { expect, test } from 'vitest';
import { z } from 'zod';
import { functionErrors } from '../functions/errors.ts';
import type { FunctionFacts, FunctionRegion } from '../functions/function-region.ts';
import { runCost, shippedPrices } from '../functions/functions.ts';
import { unscaled } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import type { Notice } from '../notify/notify.ts';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
} from '../records/samples.ts';
import type { JournalRecord, RunState } from '../store/shapes.ts';
import type { LatencyPiece, LatencySpan } from '../traffic/door-wire.ts';
import { watchCapacity } from './capacity-watch.ts';
import { watchFiveMinutes } from './five-minutes.ts';

/** A look must not fail in these tests. */
const failed = (error: unknown) => expect.unreachable(String(error));

const minute = 60_000;

/** A region whose provider has this many provisioned instances; `null`: it does not answer. */
function functionsWith(region: string, provisioned: { requested: number | null }): FunctionRegion {
  const none = async () => {};
  return {
    region,
    provision: none,
    release: none,
    warmUp: () => Promise.reject(new Error('not asked for here')),
    facts: async (): Promise<FunctionFacts> => {
      const { requested } = provisioned;
      if (requested === null) throw functionErrors.make('functions-unreachable', 'no answer');
      return {
        ...{ region, accountLimit: 100, unreservedLimit: 100, reserved: null, parity: {} },
        ...{ memoryMb: 1_024, timeoutMs: 3_000 },
        provisioned: { requested, ready: requested, status: 'ready', reason: null },
      };
    },
  };
}

function runOf(changes: Partial<RunState>): RunState {
  return {
    ...{ runId: 'run_1', service: 'checkout', kind: 'switchover', from: 'east', to: 'west' },
    ...{ epoch: 1, planDigest: 'x', owner: 'x', token: 1, status: 'succeeded', plan: null },
    ...{ startedWallMs: 0, endedWallMs: 0, records: [] },
    ...changes,
  };
}

const base = { seq: 1, token: 1 };
const asked = (wallMs: number): JournalRecord => ({
  ...{ ...base, wallMs, type: 'intent', step: 'warm', observed: { requested: 2 } },
});
const outcome = (
  wallMs: number,
  step: string,
  evidence: Record<string, string | number> = {},
): JournalRecord => ({
  ...{ ...base, wallMs, type: 'outcome', step, kind: 'machine', result: 'acted' },
  ...{ durationMs: 40_000, evidence },
});

const storeOf = (runs: readonly RunState[]) => ({
  runs: async () => runs,
  run: async (id: string) => runs.find(({ runId }) => runId === id) ?? runOf({}),
});

function capacityWorld(run: (nowMs: number) => RunState, requested: number | null = 12) {
  const clock = createVirtualClock();
  const provisioned = { requested };
  const told: Notice[] = [];
  const stop = new AbortController();
  const watching = watchCapacity({
    ...{
      service: 'checkout',
      keepLifeMs: 5 * minute,
      timeScale: unscaled,
      clock,
      signal: stop.signal,
      failed,
    },
    regions: [{ name: 'west', functions: functionsWith('west', provisioned) }],
    store: storeOf([run(clock.wallMs())]),
    tell: (notice) => told.push(notice),
  });
  const end = async () => {
    stop.abort();
    await watching;
  };
  return { clock, provisioned, told, end };
}

test('capacity of a run that is over and has not released it is told at once, and each hour until it is gone', async () => {
  const { clock, provisioned, told, end } = capacityWorld((now) =>
    runOf({ records: [asked(now)] }),
  );
  await clock.advance(minute);
  expect(told).toMatchObject([{ kind: 'capacity-held', runId: 'run_1' }]);
  expect(told[0]?.text).toContain('--provisioned-concurrent-executions 2');
  await clock.advance(58 * minute);
  expect(told).toHaveLength(1);
  await clock.advance(5 * minute);
  expect(told).toHaveLength(2);
  provisioned.requested = 2;
  await clock.advance(180 * minute);
  expect(told).toHaveLength(2);
  await end();
});

test('a run that goes on may hold it for its time and half an hour; a controller that died may not', async () => {
  const running = (now: number) =>
    runOf({ status: 'running', endedWallMs: null, records: [asked(now)] });
  const { clock, told, end } = capacityWorld(running);
  await clock.advance(34 * minute);
  expect(told).toEqual([]);
  await clock.advance(3 * minute);
  expect(told[0]?.text).toContain('throwover resume run_1');
  await end();
});

test('what was released, undone or never asked for is not told', async () => {
  const undone: JournalRecord = {
    ...{ ...base, wallMs: 1, type: 'undo-outcome', step: 'warm', result: 'undone', note: '' },
  };
  for (const more of [outcome(1, 'release'), undone]) {
    const { clock, told, end } = capacityWorld((now) => runOf({ records: [asked(now), more] }));
    await clock.advance(120 * minute);
    expect(told).toEqual([]);
    await end();
  }
  const never = capacityWorld(() => runOf({ records: [outcome(1, 'warm')] }));
  await never.clock.advance(120 * minute);
  expect(never.told).toEqual([]);
  await never.end();
});

test('a provider that does not answer is no proof that nothing is paid for', async () => {
  const { clock, told, end } = capacityWorld((now) => runOf({ records: [asked(now)] }), null);
  await clock.advance(minute);
  expect(told[0]?.text).toContain('west does not say how many are there now');
  await end();
});

/** Checks that every stored sample has the shape that the server accepts. */
function memoryLog() {
  const kept = new Map<EvidenceKind, unknown[]>();
  const log: EvidenceLog = {
    add: async (kind, samples) => {
      z.array(evidenceSamples[kind]).parse(samples);
      kept.set(kind, [...(kept.get(kind) ?? []), ...samples]);
    },
    list: async <K extends EvidenceKind>(kind: K) => (kept.get(kind) ?? []) as EvidenceSample<K>[],
  };
  return log;
}

const piece = (fromWallMs: number, changes: Partial<LatencyPiece>): LatencyPiece => ({
  ...{ fromWallMs, requests: 100, failed: 0, coldStarts: 0, meanMs: 10, p50Ms: 8, p99Ms: 40 },
  ...changes,
});

test('the five minutes after a run stand beside those before it, with what the run cost', async () => {
  const clock = createVirtualClock();
  const startMs = clock.wallMs();
  const spans: { region: string; span: LatencySpan }[] = [];
  const counts = (region: string, of: (span: LatencySpan, n: number) => Partial<LatencyPiece>) => ({
    latency: async (span: LatencySpan) => {
      spans.push({ region, span });
      const count = Math.ceil((span.untilWallMs - span.sinceWallMs) / span.widthMs);
      return Array.from({ length: count }, (_, n) =>
        piece(span.sinceWallMs + n * span.widthMs, of(span, n)),
      );
    },
  });
  // The first minute is slow, the third one has no requests.
  const after = counts('west', (span, n) => {
    if (span.widthMs > minute) return { requests: 450, p99Ms: 60, failed: 9 };
    if (n === 0) return { p99Ms: 90, coldStarts: 3 };
    return n === 2 ? { requests: 0, p50Ms: null, p99Ms: null, coldStarts: null } : {};
  });
  const before = counts('east', () => ({ requests: 500, p99Ms: 50 }));
  const promotedMs = startMs + 60_000;
  const records = [
    asked(startMs),
    outcome(startMs + 40_000, 'warm', {
      ...{ strategy: 'provisioned-window', instances: 12, needed: 12, former: 2 },
    }),
    outcome(promotedMs, 'promote'),
    outcome(promotedMs + 2_000, 'flip', { atWallMs: promotedMs + 1_000 }),
  ];
  const run = runOf({ records, startedWallMs: startMs, endedWallMs: null, status: 'running' });
  const runs = [run];
  const evidence = memoryLog();
  const stop = new AbortController();
  const watching = watchFiveMinutes({
    ...{ service: 'checkout', minuteMs: minute, clock, signal: stop.signal, failed, evidence },
    regions: [
      { name: 'east', functions: null, counts: before } as never,
      { name: 'west', functions: functionsWith('west', { requested: 2 }), counts: after } as never,
    ],
    store: storeOf(runs),
    costOf: (records, memoryMb) => {
      const untilWallMs = clock.wallMs();
      return runCost({
        prices: shippedPrices(),
        ...{ memoryMb, records, untilWallMs, timeScale: unscaled },
      });
    },
  });
  await clock.advance(7 * minute);
  // The run is still open: its costs are not known yet.
  expect(await evidence.list('five-minutes')).toEqual([]);
  const release = outcome(startMs + 10 * minute, 'release', { requested: 2 });
  runs[0] = { ...run, status: 'succeeded', endedWallMs: 1, records: [...records, release] };
  await clock.advance(5 * minute);
  const [sample, ...others] = await evidence.list('five-minutes');
  expect(others).toEqual([]);
  expect(sample).toMatchObject({
    ...{ runId: 'run_1', region: 'west', strategy: 'provisioned-window' },
    whole: { requests: 450, p99Ms: 60, errorRate: 0.02 },
    baseline: { requests: 500, p99Ms: 50, errorRate: 0 },
  });
  expect(sample?.minutes.map((one) => [one.minute, one.coldStarts])).toEqual([
    [0, 3],
    [1, 0],
    [3, 0],
    [4, 0],
  ]);
  // Ten instances of 1 GB beyond the team's two, for ten minutes.
  expect(sample?.costUsd).toBeCloseTo(10 * 600 * 0.0000041667, 9);
  expect(await evidence.list('warm-up')).toMatchObject([{ instances: 12, readyMs: 40_000 }]);
  expect(spans).toContainEqual({
    region: 'east',
    span: { sinceWallMs: startMs - 5 * minute, untilWallMs: startMs, widthMs: 5 * minute },
  });
  expect(spans).toContainEqual({
    region: 'west',
    span: { sinceWallMs: promotedMs, untilWallMs: promotedMs + 5 * minute, widthMs: minute },
  });
  stop.abort();
  await watching;
});

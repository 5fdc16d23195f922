import { beforeEach, describe, expect, test } from 'vitest';
import { storeErrors } from '../../store/errors.ts';
import type { JournalRecord } from '../../store/shapes.ts';
import type { Step } from '../step.ts';
import { type Bench, createBench, switchStep } from './engine.fixture.ts';
import { type Expected, enoughSamples, expectedOf } from './history.ts';
import { stuckAfterMs } from './pace.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});

/** A step that ends after `ms`, and whose observed backlog shrinks until `movesUntilMs`. */
function draining(ms: number, movesUntilMs: number, change: Partial<Step> = {}): Step {
  let startedMs = 0;
  const atMs = () => bench.clock.monotonicMs() - startedMs;
  return switchStep(bench.world, 'drain', {
    timeoutMs: 100_000,
    pollMs: 500,
    act: async () => {
      startedMs = bench.clock.monotonicMs();
    },
    observe: async () =>
      atMs() >= ms
        ? { state: 'done', evidence: {} }
        : { state: 'pending', evidence: { left: Math.max(0, movesUntilMs - atMs()) } },
    ...change,
  });
}

async function told(step: Step, usual?: Expected): Promise<unknown[]> {
  await bench.begin([step], {
    expected: async () => new Map(usual ? [['drain', usual]] : []),
  });
  return bench.events.flatMap((event) => {
    if (event.type === 'step-slow') return [['slow', event.elapsedMs]];
    if (event.type !== 'step-stuck') return [];
    return [[event.why, event.elapsedMs, event.unchangedMs]];
  });
}

describe('a step that takes long', () => {
  const usual = { p75Ms: 4_000, p95Ms: 30_000, count: enoughSamples };

  test('is slow past its p75, and stuck past twice its p95, each said once', async () => {
    expect(await told(draining(90_000, 90_000), usual)).toEqual([
      ['slow', 4_000],
      ['late', 60_000, 500],
    ]);
  });

  test('and observes no change is stuck for that reason, also when it had moved before', async () => {
    expect(await told(draining(70_000, 0))).toEqual([['no-progress', 50_000, 50_000]]);
    bench = await createBench();
    expect(await told(draining(90_000, 20_000))).toEqual([
      ['late', 50_000, 30_000],
      ['no-progress', 70_000, 50_000],
    ]);
  });

  test('is neither within the time that it usually takes, however few looks change anything', async () => {
    expect(await told(draining(3_500, 0), usual)).toEqual([]);
  });

  test('is measured by half of its timeout alone while there are few earlier runs', async () => {
    const few = { p75Ms: 10, p95Ms: 20, count: enoughSamples - 1 };
    expect(await told(draining(60_000, 60_000), few)).toEqual([['late', 50_000, 500]]);
    expect(stuckAfterMs(1_000, { ...few, p95Ms: 5_000 })).toBe(500);
    expect(stuckAfterMs(1_000, { ...few, p95Ms: 5_000, count: enoughSamples })).toBe(10_000);
    expect(stuckAfterMs(1_000, { ...few, count: enoughSamples })).toBe(500);
  });

  test('to be taken back is stuck too', async () => {
    const broken = switchStep(bench.world, 'b', {
      observe: async () => Promise.reject(new Error('a bug')),
    });
    const slowUndo = switchStep(bench.world, 'a', {
      undo: ({ clock }) => clock.sleep(6_000),
    });
    await bench.begin([slowUndo, broken]);
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: 'step-stuck', step: 'a', undoing: true, elapsedMs: 5_000 }),
    );
  });
});

describe('what is expected', () => {
  test('holds a run up for two seconds at most, and not at all when it fails', async () => {
    const lasts = async (expected: () => Promise<never>) => {
      bench = await createBench();
      await bench.begin([draining(10_000, 10_000)], { expected });
      return bench.events.flatMap((event) => (event.type === 'run-ended' ? [event] : []));
    };
    const [silent] = await lasts(() => new Promise(() => {}));
    const [refused] = await lasts(async () => {
      throw storeErrors.make('journal-damaged', 'x', {});
    });
    const [bug] = await lasts(async () => {
      throw new TypeError('a bug');
    });
    const all = [silent, refused, bug];
    expect(all.map((end) => end?.status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    const [longest, ...quick] = all.map((end) => end?.durationMs ?? 0);
    expect(quick).toEqual([(longest ?? 0) - 2_000, (longest ?? 0) - 2_000]);
  });

  const intent = (step: string, token = 1) => ({ type: 'intent', step, token });
  const outcome = (step: string, durationMs: number, change = {}) => ({
    type: 'outcome',
    step,
    token: 1,
    result: 'acted',
    durationMs,
    ...change,
  });
  const journal = (...records: unknown[]) => records as JournalRecord[];

  test('comes from what earlier runs did, with its count', () => {
    const journals = [100, 200, 300, 400, 500].map((ms) =>
      journal(intent('fence'), outcome('fence', ms)),
    );
    expect(expectedOf(journals).get('fence')).toEqual({ p75Ms: 400, p95Ms: 480, count: 5 });
  });

  test('leaves out what was found done, and what another controller had begun', () => {
    const expected = expectedOf([
      journal(outcome('fence', 3, { result: 'already-done' })),
      journal(intent('warm', 1), outcome('warm', 9_000, { token: 2 })),
      journal(intent('flip'), outcome('flip', 70)),
    ]);
    expect([...expected]).toEqual([['flip', { p75Ms: 70, p95Ms: 70, count: 1 }]]);
  });
});

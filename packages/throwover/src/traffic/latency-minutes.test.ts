import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { LatencyMinutes } from './latency-minutes.ts';
import { Split } from './share.ts';

const bucketMs = 100;

function setUp() {
  const clock = createVirtualClock();
  const minutes = new LatencyMinutes({ clock, bucketMs });
  const began = clock.wallMs();
  /** One request that takes this long, with a header that tells how its instance was started. */
  const answer = async (
    ms: number,
    more: { status?: number; start?: string; cut?: boolean } = {},
  ) => {
    const { status: statusCode = 200, start, cut = false } = more;
    const res = Object.assign(new EventEmitter(), {
      statusCode,
      writableFinished: !cut,
      getHeader: () => start,
    });
    minutes.watch(res);
    await clock.advance(ms);
    res.emit('close');
  };
  const report = (widthMs: number, untilMs: number) =>
    minutes.report({ sinceWallMs: began, untilWallMs: began + untilMs, widthMs });
  return { clock, minutes, answer, report, began };
}

test('requests count where they end: answered, failed, cut off, turned away; cold ones as told', async () => {
  const { minutes, answer, report } = setUp();
  await answer(10, { start: 'warm' });
  await answer(20, { start: 'cold' });
  await answer(10, { status: 503 });
  await answer(10, { cut: true });
  minutes.turnedAway();
  const [piece] = report(1_000, 1_000);
  expect(piece).toMatchObject({ requests: 5, failed: 3, coldStarts: 1, meanMs: 12.5 });
  // Bins of 5 %.
  expect(piece?.p99Ms).toBeGreaterThanOrEqual(20);
  expect(piece?.p99Ms).toBeLessThan(21.1);
});

test('an application that does not say how it started has unknown cold starts, not none', async () => {
  const { answer, report } = setUp();
  await answer(10);
  expect(report(1_000, 1_000)[0]?.coldStarts).toBeNull();
});

test('each request is in one piece, and a piece without any says so', async () => {
  const { clock, answer, report } = setUp();
  await answer(50);
  await clock.advance(200);
  await answer(50);
  await answer(50);
  const pieces = report(100, 400);
  expect(pieces.map(({ requests }) => requests)).toEqual([1, 0, 0, 2]);
  expect(pieces[1]).toMatchObject({ p99Ms: null, meanMs: null });
});

test('a share takes as many requests as it says, spread evenly', () => {
  const split = new Split();
  const taken = Array.from({ length: 1_000 }, () => split.goes(0.1));
  expect(taken.filter(Boolean)).toHaveLength(100);
  for (let n = 0; n < 1_000; n += 10) {
    expect(taken.slice(n, n + 10).filter(Boolean)).toHaveLength(1);
  }
  const all = new Split();
  expect(Array.from({ length: 5 }, () => all.goes(1))).toEqual([true, true, true, true, true]);
  const none = new Split();
  expect(Array.from({ length: 5 }, () => none.goes(0))).toEqual(Array(5).fill(false));
});

import { expect, test } from 'vitest';
import {
  evidenceOf,
  failing,
  lagOf,
  requestOf,
  survivorsOf,
  webhookOf,
} from './run-evidence.fixture.ts';
import { sampleEvidence } from './sample.fixture.ts';
import { series } from './series.ts';

/** 1 s of baseline, 3 s after the first act, flip 0.5 s after it. */
const short = { fromMs: 9_000, toMs: 13_000, firstActMs: 10_000, flippedMs: 10_500 };

test('requests are counted in the second in which they ended', () => {
  const requests = [
    requestOf(9_995, { endMs: 10_005 }),
    requestOf(10_100, { region: 'west', endMs: 10_300 }),
    requestOf(11_100, { ...failing, region: null }),
    requestOf(11_200, { region: 'west', ok: false, stale: true }),
  ];
  const { requests: seen } = series(evidenceOf({ ...short, requests }));
  expect(seen).toMatchObject({
    t: [-1, 0, 1, 2],
    byOld: [0, 1, 0, 0],
    byNew: [0, 1, 1, 0],
    byNobody: [0, 0, 1, 0],
    failed: [0, 0, 1, 0],
    stale: [0, 0, 1, 0],
  });
  expect(seen.p99Ms[0]).toBeNull();
  expect(seen.p99Ms[3]).toBeNull();
});

test('stragglers are the share of requests sent to the old address, in half seconds after the flip', () => {
  const requests = [
    requestOf(10_400),
    requestOf(10_600),
    requestOf(10_700, { region: 'west' }),
    requestOf(11_100, { entry: 'east', region: 'west', forwarded: true }),
    requestOf(12_600, { region: 'west' }),
  ];
  expect(series(evidenceOf({ ...short, requests })).stragglers).toEqual({
    t: [0, 0.5, 1, 1.5, 2],
    count: [1, 1, 0, 0, 0],
    share: [0.5, 1, null, null, 0],
  });
  expect(series(evidenceOf({ ...short, flippedMs: null, requests })).stragglers.t).toEqual([]);
});

test('the backlog is what was sent and has no effect yet', () => {
  const webhooks = [webhookOf('a', 9_100), webhookOf('b', 10_100), webhookOf('c', 10_200)];
  const survivors = survivorsOf(
    [],
    [
      { id: 'a', atMs: 9_150 },
      { id: 'b', atMs: 12_050 },
    ],
  );
  expect(series(evidenceOf({ ...short, webhooks, survivors })).webhooks).toEqual({
    t: [-1, 0, 1, 2],
    sent: [1, 3, 3, 3],
    effects: [1, 1, 1, 2],
    backlog: [0, 2, 2, 1],
    late: [0, 0, 0, 0],
  });
});

test('lag comes in the order of time', () => {
  const lag = [lagOf(10_500, 7), lagOf(9_500, null)];
  expect(series(evidenceOf({ ...short, lag })).lag).toEqual({ t: [-0.5, 0.5], lagMs: [null, 7] });
});

test('no request of a recording is missing from its series', () => {
  const evidence = sampleEvidence('flip-only', 1);
  const { byOld, byNew, byNobody } = series(evidence).requests;
  const total = [...byOld, ...byNew, ...byNobody].reduce((sum, count) => sum + count, 0);
  const inside = evidence.requests.filter(({ endMs }) => endMs < evidence.toMs).length;
  expect(total).toBe(inside);
  expect(inside).toBeGreaterThan(1_900);
});

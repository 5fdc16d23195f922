import type { RequestRecord } from 'throwover';
import { expect, test } from 'vitest';
import { movedTruth } from './truth.ts';

/** A request a tenth of a second: of each ten so many go to the region that was left. */
function records(oldOfTen: readonly number[]): RequestRecord[] {
  return oldOfTen.flatMap((old, tenth) =>
    Array.from({ length: 10 }, (_, n) => ({
      ...({ type: 'request', client: 'client-1', kind: 'list', key: null } as const),
      ...{ ok: true, stale: false, status: 200, error: null, region: 'west', forwarded: n < old },
      ...{ reused: false, resolver: 'honest' },
      sentMs: 1_000 + tenth * 1_000 + n * 100,
      endMs: 1_010 + tenth * 1_000 + n * 100,
      entry: n < old ? 'east' : 'west',
    })),
  );
}
const run = { from: 'east', flippedWallMs: 2_000, timeScale: 60 };

test('by the clients: after the flip, in life time, from when on so much goes to the new region', () => {
  // Before the flip everything went to the old region, which says nothing.
  const truth = movedTruth(records([10, 10, 8, 3, 0, 0, 0]), run);
  expect(truth).toMatchObject({ requests: 60, stragglers: 21 });
  // Eight of ten until the third second, three of ten in the fourth, none later.
  expect(truth.t50LifeMs).toBeGreaterThanOrEqual(60_000);
  expect(truth.t50LifeMs).toBeLessThan(120_000 + 60_000);
  expect(truth.t90LifeMs).toBeGreaterThanOrEqual(120_000);
  expect(truth.t90LifeMs).toBeLessThan(180_000);
  expect(truth.t99LifeMs).toBeGreaterThanOrEqual(truth.t90LifeMs ?? 0);
});

test('what is not over while it is watched is unknown; requests that reached nobody count on neither side', () => {
  const late = records([10, 10, 10, 10]);
  expect(movedTruth(late, run)).toMatchObject({ t99LifeMs: null });
  const lost = late.map((record) => ({ ...record, entry: null }));
  expect(movedTruth(lost, run)).toMatchObject({ requests: 0, t50LifeMs: null });
});

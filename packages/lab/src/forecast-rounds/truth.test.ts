import type { RequestRecord } from 'throwover';
import { expect, test } from 'vitest';
import { movedTruth } from './truth.ts';

/**
 * Returns requests of one client, a second apart from second 0; `old` of them go to the region that
 * is left.
 */
function client(name: string, old: number, all = 10): RequestRecord[] {
  return Array.from({ length: all }, (_, n) => ({
    ...({ type: 'request', client: name, kind: 'list', key: null } as const),
    ...{ ok: true, stale: false, status: 200, error: null, region: 'west', forwarded: n < old },
    ...{ reused: false, resolver: 'honest' },
    sentMs: n * 1_000,
    endMs: n * 1_000 + 10,
    entry: n < old ? 'east' : 'west',
  }));
}

/** The flip is at second 2; a minute is a second. */
const run = { from: 'east', flippedWallMs: 2_000, timeScale: 60 };

test('a client has moved in the middle between its last old request and the next; a share, when its clients have', () => {
  const records = [
    ...Array.from({ length: 8 }, (_, n) => client(`early-${n}`, 2)).flat(),
    ...client('late', 5),
    ...client('latest', 8),
  ];
  expect(movedTruth(records, run)).toEqual({
    t50LifeMs: 0,
    // Old at 4 s, new at 5 s: 2.5 s after the flip.
    t90LifeMs: 150_000,
    t99LifeMs: 330_000,
    resolutionLifeMs: 30_000,
    requests: 80,
    stragglers: 3 + 6,
  });
});

test('clients weigh what they send', () => {
  const records = [...client('busy', 3), ...client('busy', 3), ...client('quiet', 7, 9)];
  expect(movedTruth(records, run)).toMatchObject({ t50LifeMs: 30_000, t90LifeMs: 270_000 });
});

test('who is never seen in the new region has not moved; requests that reached nobody tell nothing', () => {
  const records = [...client('one', 3), ...client('other', 10)];
  expect(movedTruth(records, run)).toMatchObject({ t50LifeMs: 30_000, t90LifeMs: null });
  const lost = records.map((record) => ({ ...record, entry: null }));
  expect(movedTruth(lost, run)).toMatchObject({ requests: 0, t50LifeMs: null });
});

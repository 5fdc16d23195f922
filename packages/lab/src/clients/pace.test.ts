import { seededRandom } from 'throwover/kernel';
import { expect, test } from 'vitest';
import { assetSchedule, deal, type Slot, schedule } from './pace.ts';

function take(count: number, seed: number): { writes: Slot[]; reads: Slot[] } {
  const { writes, reads } = schedule({
    clients: 40,
    ratePerSecond: 60,
    random: [seededRandom(seed), seededRandom(seed + 1)],
  });
  const first = (slots: Generator<Slot, never>) =>
    Array.from({ length: count }, () => slots.next().value);
  return { writes: first(writes), reads: first(reads) };
}

test('60 a second, half of them writes, in the order of time, the same for the same seed', () => {
  const { writes, reads } = take(300, 7);
  expect(take(300, 7)).toEqual({ writes, reads });
  expect(take(300, 8)).not.toEqual({ writes, reads });
  for (const slots of [writes, reads]) {
    expect([...slots].sort((a, b) => a.dueMs - b.dueMs)).toEqual(slots);
    // 300 slots of one half of the rate: 10 s.
    expect(Math.floor((slots.at(-1)?.dueMs ?? 0) / 1_000)).toBeGreaterThanOrEqual(9);
    expect(slots.filter(({ dueMs }) => dueMs >= 3_000 && dueMs < 4_000).length).toBeCloseTo(30, -1);
    expect(new Set(slots.map(({ client }) => client)).size).toBe(40);
  }
  expect(new Set(writes.map(({ kind }) => kind))).toEqual(new Set(['write']));
  expect(reads.filter(({ kind }) => kind === 'list')).toHaveLength(30);
});

test('a read comes 200 ms after the write of the same client, give or take the jitter', () => {
  const { writes, reads } = take(200, 3);
  for (const [i, write] of writes.entries()) {
    expect(reads[i]?.client).toBe(write.client);
    const after = (reads[i]?.dueMs ?? 0) - write.dueMs;
    expect(after).toBeGreaterThan(200 - 27);
    expect(after).toBeLessThan(200 + 27);
  }
});

test.each([
  [40, [28, 8, 4]],
  [10, [7, 2, 1]],
  [3, [2, 1, 0]],
  [1, [1, 0, 0]],
])('%i clients are dealt to resolvers as near to the shares as can be', (count, expected) => {
  const shares = [{ share: 7 }, { share: 2 }, { share: 1 }];
  const dealt = deal(shares, count, seededRandom(1));
  expect(shares.map((item) => dealt.filter((one) => one === item).length)).toEqual(expected);
});

test('a share of nothing is dealt nothing', () => {
  const shares = [{ share: 0 }, { share: 1 }];
  expect(deal(shares, 5, seededRandom(1)).every(({ share }) => share === 1)).toBe(true);
});

test('assets are asked for at their own rate, clients in turn, in the order of time', () => {
  const slots = assetSchedule({ clients: 4, ratePerSecond: 50, random: seededRandom(2) });
  const first = Array.from({ length: 100 }, () => slots.next().value);
  expect(first.map(({ client }) => client).slice(0, 6)).toEqual([0, 1, 2, 3, 0, 1]);
  expect([...first].sort((a, b) => a.dueMs - b.dueMs)).toEqual(first);
  // 100 at 50 a second: the last is due before the end of the second second, and within its own
  // slot.
  expect(first.at(-1)?.dueMs).toBeGreaterThanOrEqual(1_980);
  expect(first.at(-1)?.dueMs).toBeLessThan(2_000);
});

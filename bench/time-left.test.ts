import { expect, test } from 'vitest';
import { TimeLeft } from './time-left.ts';

/** Returns the time of a bench whose clock is set by hand. */
function bench(quick: boolean) {
  let nowMs = 0;
  const said: string[] = [];
  const time = new TimeLeft(
    quick,
    (line) => said.push(line),
    () => nowMs,
  );
  const takes = (kind: string, ms: number) =>
    time.timed(kind, async () => {
      nowMs += ms;
    });
  return { time, said, takes };
}

test('a quick bench leaves out what would not end in time, by the longest of its kind, and says what', async () => {
  const { time, said, takes } = bench(true);
  await takes('start', 20_000);
  await takes('a switch', 9_000);
  await takes('a switch', 6_000);
  // 35 s are over: 9 s more end at 44 s, with 6 s for the end.
  expect(time.fits(['a switch'], 'the third round')).toBe(true);
  expect(time.fits(['a switch', 'start'], 'another latency')).toBe(false);
  await takes('a switch', 9_000);
  expect(time.fits(['a switch'], 'the fourth round')).toBe(false);
  expect(time.leftOut).toEqual(['another latency', 'the fourth round']);
  expect(said).toContain('a switch: 9.0 s');
  expect(said.at(-1)).toBe('left out, because it would not end in time: the fourth round');
});

test('what was never timed fits until the time is over, also after a slow start', async () => {
  const { time, takes } = bench(true);
  await takes('start', 44_000);
  expect(time.fits(['a switch'], 'the first round')).toBe(true);
  await takes('start', 1);
  expect(time.fits(['a switch'], 'the first round')).toBe(false);
});

test('a full bench leaves nothing out', async () => {
  const { time, said, takes } = bench(false);
  await takes('a switch', 3_600_000);
  expect(time.fits(['a switch'], 'the next')).toBe(true);
  expect([time.leftOut, said]).toEqual([[], []]);
});

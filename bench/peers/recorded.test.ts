import { expect, test } from 'vitest';
import { readRecorded } from './recorded.ts';

test('A7 what is shown of the peers without measuring them has a day, and at least 7 rounds', async () => {
  const { switchover, failover } = await readRecorded();
  const kept = [
    ...(switchover?.latencies.map(({ writeGapMs }) => writeGapMs) ?? []),
    ...(failover?.losses.map(({ lossToFirstWriteMs }) => lossToFirstWriteMs) ?? []),
  ];
  expect(kept.length).toBeGreaterThan(0);
  for (const { count, min, median, max } of kept.flatMap((one) => Object.values(one))) {
    expect(count).toBeGreaterThanOrEqual(7);
    expect(min <= median && median <= max).toBe(true);
  }
  for (const date of [switchover?.date, failover?.date]) expect(date).toMatch(/^\d{4}-\d\d-\d\d$/);
});

import { expect, test } from 'vitest';
import { readRecorded } from './recorded.ts';

test('A7 what is shown of the peers without measuring them has a day, and at least 7 rounds', async () => {
  const { switchover, failover } = await readRecorded();
  for (const { writeGapMs } of switchover?.latencies ?? []) {
    for (const { count } of Object.values(writeGapMs)) expect(count).toBeGreaterThanOrEqual(7);
  }
  for (const { rounds, lossToFirstWriteMs, neverWritten } of failover?.losses ?? []) {
    expect(rounds).toBeGreaterThanOrEqual(7);
    for (const [name, { count }] of Object.entries(lossToFirstWriteMs)) {
      expect(count + (neverWritten[name] ?? 0), `${name}: a round is in no figure`).toBe(rounds);
    }
  }
  for (const date of [switchover?.date, failover?.date]) expect(date).toMatch(/^\d{4}-\d\d-\d\d$/);
});

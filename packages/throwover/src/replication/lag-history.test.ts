import { positionOf } from '@throwover/client';
import { describe, expect, it } from 'vitest';
import { addSample, emptyMinute, positionLagMs, summarize } from './lag-history.ts';

const at = (lsn: string) => positionOf(1, lsn);
const minute = (minuteMs: number, lags: readonly (number | null)[]) =>
  lags.reduce(
    (all, ms) => addSample(all, { wallMs: minuteMs, heartbeatMs: ms, positionMs: ms, bytes: 10 }),
    emptyMinute(minuteMs),
  );

describe('lag over thirty days', () => {
  it('tells quantiles at most 15 % too high, never too low, and the spike exactly', () => {
    const lags = Array.from({ length: 99 }, (_, index) => index + 1);
    const summary = summarize([minute(0, lags), minute(60_000, [7_300])], 'heartbeat', 120_000);
    expect(summary).toMatchObject({ count: 100, max: 7_300, worstWallMs: 60_000, ageMs: 60_000 });
    expect(summary?.p50).toBeGreaterThanOrEqual(50);
    expect(summary?.p50).toBeLessThanOrEqual(50 * 1.15);
    expect(summary?.p99).toBeGreaterThanOrEqual(99);
  });

  it('counts what could not be seen, and calls nothing seen unknown', () => {
    expect(summarize([minute(0, [null, null])], 'position', 0)).toBeNull();
    expect(summarize([minute(0, [5, null])], 'position', 0)).toMatchObject({
      count: 1,
      unknown: 1,
    });
    expect(summarize([], 'position', 0)).toBeNull();
  });

  it('measures by position how long ago the primary stood where the standby is', () => {
    const sightings = [
      { position: at('0/10'), wallMs: 1_000, by: 'serve' },
      { position: at('0/20'), wallMs: 2_000, by: 'serve' },
      { position: at('0/30'), wallMs: 3_000, by: 'serve' },
    ];
    const seen = { nowMs: 3_500, primary: at('0/30'), sightings };
    expect(positionLagMs({ ...seen, replayed: at('0/28') })).toBe(1_500);
    expect(positionLagMs({ ...seen, replayed: at('0/30') })).toBe(0);
    expect(positionLagMs({ ...seen, replayed: at('0/8') })).toBeNull();
    // The primary is gone: it may have written more, so it is never zero.
    expect(positionLagMs({ ...seen, primary: null, replayed: at('0/30') })).toBe(500);
  });
});

import { positionOf } from '@throwover/client';
import { describe, expect, it } from 'vitest';
import { LagSpan, positionLagMs } from './lag-history.ts';

const at = (lsn: string) => positionOf(1, lsn);
const span = (wallMs: number, lags: readonly (number | null)[]) => {
  const whole = new LagSpan();
  for (const ms of lags) whole.add({ wallMs, heartbeatMs: ms, lagMs: ms, bytes: 10 });
  return whole;
};

describe('lag over thirty days', () => {
  it('tells quantiles to 1 %, and the spike, its time and the count exactly', () => {
    const lags = Array.from({ length: 99 }, (_, index) => index + 1);
    const whole = span(0, lags);
    whole.merge(span(61_234, [7_300]));
    const { lag } = whole.report('east', 'west', 120_000);
    expect(lag).toMatchObject({ count: 100, max: 7_300, worstWallMs: 61_234, maxBytes: 10 });
    expect(lag).toMatchObject({ spanMs: 120_000, ageMs: 120_000 - 61_234 });
    expect(lag?.p50).toBeGreaterThanOrEqual(50 * 0.99);
    expect(lag?.p50).toBeLessThanOrEqual(50 * 1.01);
    expect(lag?.p99).toBeGreaterThanOrEqual(99 * 0.99);
    expect(lag?.p99).toBeLessThanOrEqual(99 * 1.01);
  });

  it('counts what could not be seen, and calls nothing seen unknown', () => {
    const reported = (lags: readonly (number | null)[]) => span(0, lags).report('east', 'west', 0);
    expect(reported([null, null]).lag).toBeNull();
    expect(reported([5, null]).lag).toMatchObject({ count: 1, unknown: 1 });
    expect(reported([]).lag).toBeNull();
  });

  it('a minute without a sample changes no figure, as JSON too', () => {
    const whole = span(1_000, [5, 7]);
    const before = whole.report('east', 'west', 9_000);
    whole.merge(new LagSpan(JSON.parse(JSON.stringify(new LagSpan()))));
    expect(whole.report('east', 'west', 9_000)).toEqual(before);
    const read = new LagSpan(JSON.parse(JSON.stringify(whole)));
    expect(read.report('east', 'west', 9_000)).toEqual(before);
  });

  it('measures by position how long ago the primary stood where the standby is', () => {
    const sightings = [1, 2, 3].map((second) => ({
      position: at(`0/${second}0`),
      wallMs: second * 1_000,
      by: 'serve',
      monotonicMs: second * 1_000,
    }));
    const seen = { now: { wallMs: 3_500, monotonicMs: 3_500 }, primary: at('0/30'), sightings };
    expect(positionLagMs({ ...seen, replayed: at('0/28') })).toBe(1_500);
    expect(positionLagMs({ ...seen, replayed: at('0/30') })).toBe(0);
    expect(positionLagMs({ ...seen, replayed: at('0/8') })).toBeNull();
    // The clock was set forward by an hour, and back by one.
    const ahead = { wallMs: 3_603_500, monotonicMs: 3_500 };
    expect(positionLagMs({ ...seen, now: ahead, replayed: at('0/28') })).toBe(1_500);
    const behind = { wallMs: -3_596_500, monotonicMs: 3_500 };
    expect(positionLagMs({ ...seen, now: behind, replayed: at('0/28') })).toBe(1_500);
  });
});

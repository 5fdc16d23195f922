import { expect, test } from 'vitest';
import {
  beginRamp,
  decideRamp,
  defaultRamp,
  type RampSeen,
  type RampState,
  shareOf,
} from './ramp.ts';

const baseline: RampSeen = { requests: 1_000, p99Ms: 100, errorRate: 0.001 };
const good: RampSeen = { requests: 500, p99Ms: 120, errorRate: 0.001 };
const slow: RampSeen = { ...good, p99Ms: 151 };
const failing: RampSeen = { ...good, errorRate: 0.02 };
const { stepMs, longestHoldMs, shares } = defaultRamp;

/**
 * Observes every 500 ms the result of `seenAt` for that time and share, until the ramp ends or
 * `untilMs`.
 */
function play(seenAt: (nowMs: number, share: number) => RampSeen, untilMs = 1_000_000) {
  let state: RampState = beginRamp(0);
  const reached: number[] = [shareOf(defaultRamp, state)];
  let nowMs = 0;
  while (nowMs < untilMs && state.phase !== 'done' && state.phase !== 'failed') {
    nowMs += 500;
    const seen = seenAt(nowMs, shareOf(defaultRamp, state));
    state = decideRamp(state, { seen, baseline, nowMs }, defaultRamp);
    if (shareOf(defaultRamp, state) !== reached.at(-1)) reached.push(shareOf(defaultRamp, state));
  }
  return { state, reached, nowMs };
}

test('harmless traffic takes every step, none sooner than its time, and is done at all of it', () => {
  const { state, reached, nowMs } = play(() => good);
  expect(state.phase).toBe('done');
  expect(reached).toEqual(shares);
  expect(nowMs).toBeGreaterThanOrEqual(shares.length * stepMs);
});

test.each([
  { what: 'p99', bad: slow },
  { what: 'errors', bad: failing },
])('bad $what holds it at once, and it goes on when it is good again', ({ what, bad }) => {
  const badFrom = stepMs + 2_000;
  const badUntil = badFrom + 5_000;
  const seenAt = (nowMs: number) => (nowMs >= badFrom && nowMs < badUntil ? bad : good);
  const held = play(seenAt, badFrom + 1_000).state;
  expect(held).toMatchObject({ phase: 'held', at: 1, reason: what });
  expect(play(seenAt)).toMatchObject({ state: { phase: 'done' }, reached: shares });
});

test('what stays bad for a step sends less, and fails when nothing goes ahead for too long', () => {
  const { state, reached, nowMs } = play((_, share) => (share >= 0.1 ? slow : good));
  expect(state).toMatchObject({ phase: 'failed', reason: 'p99' });
  expect(reached.slice(0, 4)).toEqual([0.01, 0.05, 0.1, 0.05]);
  expect(Math.max(...reached)).toBe(0.1);
  expect(nowMs).toBeGreaterThan(longestHoldMs);
});

test('too few requests are not good: it waits at the first share, and fails in the end', () => {
  const { state, reached } = play(() => ({ ...good, requests: 3 }));
  expect(reached).toEqual([0.01]);
  expect(state).toMatchObject({ phase: 'failed', reason: 'too-few-requests' });
});

test('without a baseline nobody can say that it is slower, so it does not go ahead', () => {
  const look = { seen: good, baseline: { ...baseline, p99Ms: null }, nowMs: stepMs + 1 };
  expect(decideRamp(beginRamp(0), look, defaultRamp)).toMatchObject({ at: 0, phase: 'ramping' });
});

import { expect, it } from 'vitest';
import { brokenLines, checkTiming, defaultTiming } from './timing.ts';

it('the defaults hold together', () => {
  expect(brokenLines(defaultTiming)).toEqual([]);
});

it.each([
  ['a lease that a dark store would use up', { leaseMs: 9_500 }, /= 9500 must be below lease 9500/],
  ['a gap of one renewal', { gapMs: 2_500 }, /gap 2500 must be above/],
  ['a lease that a store cannot wait for', { leaseMs: 30_001 }, /at most 30000/],
  ['a fence that ends before it can be used', { fenceDeadlineMs: 6_500 }, /= 6500 must be below/],
  ['more drift than the store counts with', { driftBound: 0.02 }, /at most 0.01/],
])('refuses %s, with the arithmetic', (_what, knobs, line) => {
  expect(() => checkTiming({ ...defaultTiming, ...knobs })).toThrow(
    expect.objectContaining({ code: 'timing-wrong', message: expect.stringMatching(line) }),
  );
});

import { expect, test } from 'vitest';
import { TimeScale, unscaled } from './time-scale.ts';

test('a minute of life time is a second where the scale is 60, and a minute in production', () => {
  const lab = new TimeScale(60);
  expect([lab.real(60_000), lab.life(1_000)]).toEqual([1_000, 60_000]);
  expect([unscaled.real(60_000), unscaled.life(60_000)]).toEqual([60_000, 60_000]);
});

import { expect, test } from 'vitest';
import { leastDrivers } from './practice.ts';

test.each([
  // The number that everyoneWithin gives in two quarters, rounded down, but at least one.
  { drivers: 6, everyoneWithin: 8, least: 1 },
  { drivers: 8, everyoneWithin: 8, least: 2 },
  { drivers: 11, everyoneWithin: 8, least: 2 },
  { drivers: 3, everyoneWithin: 2, least: 3 },
  // Never more than there are drivers.
  { drivers: 3, everyoneWithin: 1, least: 3 },
  { drivers: 1, everyoneWithin: 40, least: 1 },
  { drivers: 0, everyoneWithin: 8, least: 1 },
  // A declared share is reached, not missed by rounding.
  { drivers: 5, everyoneWithin: 8, droveShare: 0.5, least: 3 },
  { drivers: 5, everyoneWithin: 8, droveShare: 1, least: 5 },
  { drivers: 5, everyoneWithin: 8, droveShare: 0.01, least: 1 },
])(
  '$drivers drive, within $everyoneWithin quarters, share $droveShare: at least $least',
  (given) => {
    const { drivers, least, ...rest } = given;
    expect(leastDrivers(drivers, rest)).toBe(least);
  },
);

import { seededRandom } from 'throwover/kernel';
import { expect, test } from 'vitest';
import { labMap } from '../world/map.ts';
import { mixOf, resolversOf } from './mix.ts';

const map = labMap(7_600);
const resolvers = resolversOf(1)(map);

test('a lab has the same resolvers each time it is asked, each with a port and an address of its own', () => {
  expect(resolversOf(1)(map)).toEqual(resolvers);
  expect(new Set(resolvers.map(({ port }) => port)).size).toBe(resolvers.length);
  if (process.platform !== 'darwin') {
    expect(new Set(resolvers.map(({ from }) => from)).size).toBe(resolvers.length);
  }
  // Another lab has other hold times, and a long hold is longer than a clamp.
  const holds = (seed: number) =>
    resolversOf(seed)(map).map(({ holdSeconds }) => holdSeconds ?? 60);
  expect(holds(2)).not.toEqual(holds(1));
  const of = (behaviour: string) =>
    resolvers.flatMap((one) => (one.behaviour === behaviour ? [one.holdSeconds ?? 0] : []));
  expect(Math.min(...of('long-hold'))).toBeGreaterThan(Math.max(...of('clamped')));
});

test('the shares of a round are those of its kinds, and no two rounds are alike', () => {
  const mix = mixOf(resolvers, seededRandom(5));
  for (const [kind, share] of Object.entries(mix.shares)) {
    const sum = mix.resolvers
      .filter(({ behaviour }) => behaviour === kind)
      .reduce((all, one) => all + one.share, 0);
    expect(sum).toBeCloseTo(share);
  }
  expect(Object.values(mix.shares).reduce((all, share) => all + share, 0)).toBeCloseTo(1);
  expect(mixOf(resolvers, seededRandom(6))).not.toEqual(mix);
  expect(mixOf(resolvers, seededRandom(5))).toEqual(mix);
});

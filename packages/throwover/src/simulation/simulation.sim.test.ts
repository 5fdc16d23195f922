import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mutated } from './mutation/mutation.ts';
import { mutations } from './mutation/mutations.ts';
import { regressions } from './regressions.ts';
import { runSeed } from './run-seed.ts';

/** Enough seeds for each family to occur; the command line runs a hundred thousand. */
const seedsInTest = 60;

test('the same seed gives the same history, another seed another one', async () => {
  const [first, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)];
  expect(again).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
});

describe('A1, A2, A3, A5, A8, A9: no seed breaks an invariant, and each converges', () => {
  const seeds = Array.from({ length: seedsInTest }, (_, index) => index + 1);
  // One test for each seed, since no machine can promise how long all of them take.
  test.each(seeds)('seed %i', async (seed) => {
    expect(await runSeed(seed)).toMatchObject({ seed, violations: [] });
  });
});

describe('regressions', () => {
  test.each(regressions)('seed $seed: $why', async ({ seed, options }) => {
    expect((await runSeed(seed, options)).violations).toEqual([]);
  });
});

describe('mutations', () => {
  test('each has a name of its own, and there are enough of them', () => {
    const names = new Set(mutations.map(({ name }) => name));
    expect(names.size).toBe(mutations.length);
    expect(names.size).toBeGreaterThanOrEqual(20);
  });

  test.each(mutations)('$name fits the sources as they are', ({ edits }) => {
    for (const { file, find, replace } of edits) {
      const source = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
      expect(mutated(source, [{ file, find, replace }])).not.toBe(source);
    }
  });
});

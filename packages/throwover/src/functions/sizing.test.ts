import { expect, test } from 'vitest';
import { isThrowoverError } from '../kernel/kernel.ts';
import type { FunctionFacts } from './function-region.ts';
import { neededInstances } from './sizing.ts';

const facts: FunctionFacts = {
  region: 'west',
  provisioned: null,
  accountLimit: 100,
  unreservedLimit: 100,
  reserved: null,
  memoryMb: 512,
  timeoutMs: 15_000,
  parity: {},
};

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

test.each([
  { peakConcurrency: 8, burst: 1.5, instances: 12 },
  { peakConcurrency: 7, burst: 1.5, instances: 11 },
  { peakConcurrency: 0, burst: 2, instances: 1 },
  { peakConcurrency: 50, burst: 2, instances: 100 },
])('$peakConcurrency at once with burst $burst need $instances', ({ instances, ...input }) => {
  expect(neededInstances({ ...input, facts })).toBe(instances);
});

test('more than the account leaves unreserved is refused with the figures', () => {
  const error = refusal(() => neededInstances({ peakConcurrency: 51, burst: 2, facts }));
  expect(isThrowoverError(error, 'functions-quota')).toBe(true);
  expect(error).toMatchObject({ evidence: { instances: 102, limit: 100, region: 'west' } });
});

test('a reservation is the limit, be it smaller or larger than what is unreserved', () => {
  const reserved = (count: number) => ({ ...facts, unreservedLimit: 40, reserved: count });
  expect(neededInstances({ peakConcurrency: 60, burst: 1, facts: reserved(60) })).toBe(60);
  const error = refusal(() =>
    neededInstances({ peakConcurrency: 11, burst: 1, facts: reserved(10) }),
  );
  expect(isThrowoverError(error, 'functions-quota')).toBe(true);
});

test.each([
  { peakConcurrency: Number.NaN, burst: 1 },
  { peakConcurrency: -1, burst: 1 },
  { peakConcurrency: 4, burst: 0.5 },
])('a bug in the caller ($peakConcurrency, $burst) is no quota', (input) => {
  expect(() => neededInstances({ ...input, facts })).toThrow(RangeError);
});

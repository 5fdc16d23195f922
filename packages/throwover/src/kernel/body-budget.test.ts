import { expect, test } from 'vitest';
import { BodyBudget } from './body-budget.ts';

test('small bodies are always read; larger ones share a bound', () => {
  const budget = new BodyBudget({ smallBytes: 10, sharedBytes: 100 });
  const first = budget.begin();
  expect([first.take(10), first.take(60), first.take(40), first.take(1)]).toEqual([
    ...[true, true, true],
    false,
  ]);
  const second = budget.begin();
  expect([second.take(10), second.take(1)]).toEqual([true, false]);
  first.end();
  expect(second.take(50)).toBe(true);
});

test('ending twice gives nothing back twice', () => {
  const budget = new BodyBudget({ smallBytes: 0, sharedBytes: 10 });
  const one = budget.begin();
  expect(one.take(10)).toBe(true);
  one.end();
  one.end();
  const next = budget.begin();
  expect([next.take(10), next.take(1)]).toEqual([true, false]);
});

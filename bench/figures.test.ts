import { expect, test } from 'vitest';
import { secondsText, spread, spreadText, table } from './figures.ts';
import { writeGapMs } from './following-writer.ts';
import { spreadPhase } from './peers/pair.ts';

test('A7 a spread carries its count, and is refused for no round at all', () => {
  const { count, min, median, max } = spread([40, 20, 30]);
  expect({ count, min, median, max }).toEqual({ count: 3, min: 20, median: 30, max: 40 });
  expect(() => spread([])).toThrow('no round');
});

test('spreads are printed as min / median / max, in ms or in seconds', () => {
  expect(spreadText(spread([20.4, 30.6]))).toBe('20 / 26 / 31');
  expect(secondsText(spread([2_040, 12_000]))).toBe('2.0 / 7.0 / 12.0');
});

test('the gap is the longest time between two acknowledged writes, whichever side took them', () => {
  const at = (atMs: number, side: number) => ({ key: String(atMs), side, atMs });
  expect(writeGapMs([at(0, 0), at(2, 0), at(90, 1), at(92, 1), at(99, 0)])).toBe(88);
});

test('rounds lose the primary at points that fill the loop of its agent', () => {
  const phases = Array.from({ length: 7 }, (_, round) => spreadPhase(round + 1, 10_000)).sort(
    (a, b) => a - b,
  );
  const gaps = phases.slice(1).map((phase, index) => phase - (phases[index] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(2_500);
  expect(Math.max(...phases)).toBeLessThan(10_000);
});

test('columns line up, figures to the right', () => {
  expect(
    table([
      ['name', 'ms'],
      ['floor', '26'],
      ['throwover', '101'],
    ]),
  ).toEqual(['name        ms', 'floor       26', 'throwover  101']);
});

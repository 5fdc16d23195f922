import { expect, test } from 'vitest';
import { measure } from '../measurement/measurement.ts';
import { evidenceOf } from '../measurement/run-evidence.fixture.ts';
import { sampleEvidence } from '../measurement/sample.fixture.ts';
import { renderComparison } from './comparison.ts';

const both = {
  'flip-only': measure(sampleEvidence('flip-only', 1)),
  switchover: measure(sampleEvidence('switchover', 1)),
};

test('two runs side by side in 80 columns', () => {
  const text = renderComparison(both, { columns: 80, timeScale: 60 });
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(`\n${text}\n`).toMatchSnapshot();
});

test('a star stands where flip-only was better, and only there', () => {
  const flipOnly = { ...both['flip-only'], writeGapMs: 100, writesLost: 0, staleReads: 1 };
  const switchover = { ...both.switchover, writeGapMs: 200, writesLost: 0, staleReads: 1 };
  const lines = renderComparison(
    { 'flip-only': flipOnly, switchover },
    { columns: 80, timeScale: 60 },
  ).split('\n');
  expect(lines.find((line) => line.startsWith('Longest write gap'))).toContain('100 ms *');
  expect(lines.find((line) => line.startsWith('Acknowledged writes lost'))).not.toContain('*');
  expect(lines.at(-1)).toBe('* flip-only was better here.');
});

test("a difference below the noise of the machine is nobody's merit", () => {
  const flipOnly = { ...both['flip-only'], writeGapMs: 196 };
  const switchover = { ...both.switchover, writeGapMs: 200 };
  const text = renderComparison(
    { 'flip-only': flipOnly, switchover },
    { columns: 80, timeScale: 60 },
  );
  expect(text).toMatch(/Longest write gap +196 ms +200 ms\n/);
});

test('what is unknown is said to be', () => {
  const text = renderComparison(
    { switchover: measure(evidenceOf({ flippedMs: null })) },
    { columns: 80, timeScale: 1 },
  );
  expect(text).toMatch(/Recovery \(RTO\) +not reached\n/);
  expect(text).toMatch(/Longest write gap +unknown\n/);
  expect(text).not.toContain('lab');
});

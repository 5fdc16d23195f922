import { expect, it } from 'vitest';
import { unscaled } from '../../kernel/kernel.ts';
import type { ResolverReport } from '../../traffic/survey/survey.ts';
import { surveyLines } from './dns-view.ts';

const kept = (ttlSeconds: number, keptSeconds: number | null, holdsMs: readonly number[]) => ({
  ttlSeconds,
  holdsMs,
  unended: keptSeconds === null ? holdsMs.length : 0,
  toldSeconds: keptSeconds,
  keptSeconds,
  prefetched: false,
});

const report = (
  resolver: string,
  finished: boolean,
  findings: Partial<ResolverReport['findings']>,
): ResolverReport => ({
  resolver,
  identity: null,
  startedWallMs: 0,
  atWallMs: 60_000,
  finished,
  findings: {
    behaviour: 'honest',
    traits: ['honest'],
    clampSeconds: null,
    kept: [],
    severalCaches: false,
    queries: 0,
    unanswered: 0,
    ...findings,
  },
});

it('shows what is known so far, in 80 columns', () => {
  const lines = surveyLines(
    [
      report('192.0.2.53:53', true, {
        kept: [kept(5, 5, [5_100, 5_300, 4_900]), kept(60, 60, [60_400])],
      }),
      report('[2001:db8:1234:5678::53]:5353', false, {
        behaviour: 'clamps-minimum',
        traits: ['clamps-minimum', 'prefetches'],
        clampSeconds: 900,
        kept: [kept(5, 900, [899_000]), kept(60, null, [55_000, 54_000])],
      }),
      report('198.51.100.1:53', true, { behaviour: 'unknown', traits: ['unknown'] }),
    ],
    { timeScale: unscaled, nowWallMs: 61_000 },
  );
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  expect(`${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "resolver                     behaviour               TTL    kept  longest  n
    192.0.2.53:53                honest                  5 s     5 s    5.3 s  3
                                                       1 min   1 min    1 min  1
    [2001:db8:1234:5678::53]:53… clamps min 15 min+...    5 s  15 min   15 min  1
                                                       1 min       -    >55 s  2
    198.51.100.1:53              unknown                   -       -        -  0

    1 of 3 still asked, for 1 min: a survey lasts as long as the longest hold
    "
  `);
});

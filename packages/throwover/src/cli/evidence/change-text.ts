/** Text of a change, at most 80 columns wide. Pure. */

import {
  type Change,
  type Measured,
  percent,
  reviewOpen,
  type TradeOff,
} from '../../improvement/improvement.ts';
import type { Comparison } from '../../improvement/statistics/statistics.ts';
import { isoTime, maxColumns, wrap } from '../../kernel/kernel.ts';
import { metricOf } from '../../records/records.ts';
import { clip } from '../run/progress-view.ts';
import { valueText } from './baseline.ts';

/** Returns one line for a list of changes. */
export function changeLine(change: Change, nowWallMs: number): string {
  const { name, metric, expect, owner } = change;
  const state = stateText(change, nowWallMs);
  return clip(`${name.padEnd(24)} ${state}; ${metric} ${percent(expect)}, ${owner}`, maxColumns);
}

/** Returns the full text of a change. `seen`: the effect measured so far, when it was looked up. */
export function changeText(
  change: Change,
  { seen, nowWallMs }: { seen: Comparison | null; nowWallMs: number },
): string {
  const { name, hypothesis, metric, expect, baseline, owner, panel, step, task } = change;
  const rows: (readonly [string, string])[] = [
    ['metric', `${metric}, expected ${percent(expect)} against baseline ${baseline}`],
    ...change.tradeOffs.map((given) => ['trade-off', tradeOffText(given)] as const),
    ['owner', owner],
    ['panel', panel ?? 'none yet'],
    ['step', step ?? 'none yet'],
    ['weekly', task ?? 'none yet'],
    ...(seen === null ? [] : [['measured', measuredText(change, seen)] as const]),
    ...change.reviews.flatMap(({ verdict, by, atWallMs, cost, measured, reason }) => [
      [
        'review',
        `${day(atWallMs)} ${verdict} by ${by}; measured: ${effectText(measured)}`,
      ] as const,
      ...(reason === null ? [] : [['', `because ${reason}`] as const]),
      ...cost.map((given) => ['real cost', tradeOffText(given)] as const),
    ]),
    ...(change.retired === null
      ? []
      : [['retired', `${change.retired.reason} (${change.retired.by})`] as const]),
  ];
  return [
    clip(`${name}: ${stateText(change, nowWallMs)}`, maxColumns),
    ...wrap(`  ${hypothesis}`, 2),
    '',
    ...rows.flatMap(([label, text]) => wrap(`  ${label.padEnd(10)}${text}`, 12)),
  ].join('\n');
}

function stateText(change: Change, nowWallMs: number): string {
  const { status, reviewDueWallMs, reviews } = change;
  if (status === 'shipped' && reviewDueWallMs !== null) {
    const when = reviewOpen(change, nowWallMs) ? 'review open since' : 'review opens';
    return `shipped, ${when} ${day(reviewDueWallMs)}`;
  }
  const last = reviews.at(-1);
  const unproven = status === 'kept' && last?.measured.verdict !== 'improved';
  return unproven ? 'kept without evidence' : status;
}

/** Returns the measured effect with its uncertainty. */
function measuredText({ expect, metric: name }: Change, seen: Comparison): string {
  const { verdict, before, after, change, interval, samples, reason } = seen;
  const metric = metricOf(name);
  const value = (of: number | null) =>
    of === null || metric === null ? 'unknown' : valueText(metric, of);
  const counts = `n=${samples.before} and ${samples.after}`;
  const figures = `${value(before)} before, ${value(after)} after (${counts})`;
  if (change === null || interval === null) return `unknown: ${reason}; ${figures}`;
  const reached = expect < 0 ? change <= expect : change >= expect;
  const hoped = reached ? 'as expected or more' : `less than the expected ${percent(expect)}`;
  return `${verdict}: ${percent(change)} (between ${percent(interval[0])} and ${percent(interval[1])}); ${figures}; ${hoped}`;
}

/** Returns the effect as it was measured when the verdict was given. */
function effectText({ verdict, change, samplesBefore, samplesAfter }: Measured): string {
  const size = change === null ? '' : ` ${percent(change)}`;
  return `${verdict}${size} (n=${samplesBefore} and ${samplesAfter})`;
}

function tradeOffText({ kind, amount, unit, note }: TradeOff): string {
  return `${kind}: ${amount}${unit === '' ? '' : ` ${unit}`}${note === '' ? '' : `, ${note}`}`;
}

const day = (wallMs: number) => isoTime(wallMs).slice(0, 10);

/**
 * Baselines: a named metric over whole weeks, never changed afterwards. Reads them from records,
 * and cuts a window into days. Pure.
 */

import { z } from 'zod';
import { dayMs, type LoggedRecord, type Metric, type MetricSample } from '../records/records.ts';
import { type Block, quantileOf } from './statistics/statistics.ts';

/**
 * Most values that are stored for one day, evenly taken from its sorted values: the quantiles of a
 * day are within 1 % of rank.
 */
const maxValuesADay = 100;

const baselineBody = z.object({
  name: z.string(),
  metric: z.string(),
  quantile: z.number().gt(0).lt(1),
  fromWallMs: z.number(),
  weeks: z.int().positive(),
  /** Number of all samples, before the days were thinned out. */
  count: z.int().nonnegative(),
  quantiles: z.object({ p50: z.number(), p90: z.number(), p99: z.number() }),
  /** Values by day of the window; a day without a sample is empty. */
  days: z.array(z.array(z.number())),
});

export type BaselineBody = z.infer<typeof baselineBody>;
export interface Baseline extends BaselineBody {
  readonly by: string;
  readonly atWallMs: number;
}

/**
 * Returns baselines by name, oldest first. A baseline is never replaced: of two with the same name
 * the first counts.
 */
export function baselinesOf(records: readonly LoggedRecord[]): ReadonlyMap<string, Baseline> {
  const found = new Map<string, Baseline>();
  for (const { body, by, atWallMs } of records) {
    const baseline = baselineBody.safeParse(body);
    if (!baseline.success || found.has(baseline.data.name)) continue;
    found.set(baseline.data.name, { ...baseline.data, by, atWallMs });
  }
  return found;
}

/** Returns the last midnight (UTC) at or before a time. */
export const midnightBefore = (wallMs: number) => Math.floor(wallMs / dayMs) * dayMs;

/** Returns the first midnight (UTC) at or after a time. */
export const midnightAfter = (wallMs: number) => Math.ceil(wallMs / dayMs) * dayMs;

/** Returns the baseline of a window; null when the window has no sample. */
export function captured(
  given: {
    readonly name: string;
    readonly metric: Metric;
    readonly quantile: number;
    readonly fromWallMs: number;
    readonly weeks: number;
  },
  samples: readonly MetricSample[],
): BaselineBody | null {
  const { name, metric, quantile, fromWallMs, weeks } = given;
  const all = daysOf(samples, fromWallMs, weeks);
  const at = (q: number) => quantileOf(all, q);
  const [p50, p90, p99] = [at(0.5), at(0.9), at(0.99)];
  if (p50 === null || p90 === null || p99 === null) return null;
  return {
    name,
    metric: metric.name,
    quantile,
    fromWallMs,
    weeks,
    count: all.flat().length,
    quantiles: { p50, p90, p99 },
    days: all.map(thinned),
  };
}

/**
 * Returns values by day for `weeks` times seven days from `fromWallMs` on; each day is evenly
 * thinned out, as in a baseline.
 */
export function thinnedDays(samples: readonly MetricSample[], fromWallMs: number, weeks: number) {
  return daysOf(samples, fromWallMs, weeks).map(thinned);
}

function daysOf(samples: readonly MetricSample[], fromWallMs: number, weeks: number): Block[] {
  const days: number[][] = Array.from({ length: weeks * 7 }, () => []);
  for (const { atWallMs, value } of samples) {
    days[Math.floor((atWallMs - fromWallMs) / dayMs)]?.push(value);
  }
  return days;
}

function thinned(day: Block): number[] {
  const sorted = [...day].sort((a, b) => a - b);
  if (sorted.length <= maxValuesADay) return sorted;
  return Array.from(
    { length: maxValuesADay },
    (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / maxValuesADay)] ?? 0,
  );
}

/**
 * Groups days into the blocks that are resampled: weeks for a metric that is always sampled, days
 * for one that only runs give.
 */
export function blocksOf(days: readonly Block[], cadence: Metric['cadence']): Block[] {
  if (cadence === 'run') return [...days];
  return Array.from({ length: Math.floor(days.length / 7) }, (_, week) =>
    days.slice(week * 7, week * 7 + 7).flat(),
  );
}

/** Number of blocks with samples that a comparison needs on each side. */
export const minBlocks: Readonly<Record<Metric['cadence'], number>> = { always: 3, run: 5 };

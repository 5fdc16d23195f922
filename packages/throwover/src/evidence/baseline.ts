/** A named metric over a stated window of whole weeks, kept as it was: the fold, and the days of a window. Pure. */
import { z } from 'zod';
import { dayMs, type Metric, type MetricSample } from './metrics.ts';
import type { LoggedRecord } from './record-log.ts';
import { type Block, quantileOf } from './statistics.ts';

/** Values of one day that are kept, an even sample of its sorted values: the quantiles of a day are within 1 % of rank. */
const maxValuesADay = 100;

const baselineBody = z.object({
  name: z.string(),
  metric: z.string(),
  quantile: z.number().gt(0).lt(1),
  fromWallMs: z.number(),
  weeks: z.int().positive(),
  /** Of all samples, before a day's were thinned out. */
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

/** By name, oldest first. A baseline is never replaced: of two with one name the first counts. */
export function baselinesOf(records: readonly LoggedRecord[]): ReadonlyMap<string, Baseline> {
  const found = new Map<string, Baseline>();
  for (const { body, by, atWallMs } of records) {
    const baseline = baselineBody.safeParse(body);
    if (!baseline.success || found.has(baseline.data.name)) continue;
    found.set(baseline.data.name, { ...baseline.data, by, atWallMs });
  }
  return found;
}

/** The last midnight (UTC) that has passed. */
export const midnightBefore = (wallMs: number) => Math.floor(wallMs / dayMs) * dayMs;

/** The first midnight (UTC) that is not before it. */
export const midnightAfter = (wallMs: number) => Math.ceil(wallMs / dayMs) * dayMs;

/** What is kept of a window; null: it has no sample, so it is no baseline. */
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

/** Values by day from `fromWallMs` on, `weeks` times seven days; each day's evenly thinned out, as a baseline keeps them. */
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

/** Days -> blocks that are resampled whole: weeks of what is sampled always, days of what comes with a run. */
export function blocksOf(days: readonly Block[], cadence: Metric['cadence']): Block[] {
  if (cadence === 'run') return [...days];
  return Array.from({ length: Math.floor(days.length / 7) }, (_, week) =>
    days.slice(week * 7, week * 7 + 7).flat(),
  );
}

/** Blocks with samples that a comparison needs on each side. */
export const minBlocks: Readonly<Record<Metric['cadence'], number>> = { always: 3, run: 5 };

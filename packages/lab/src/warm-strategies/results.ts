import type { StrategyName } from 'throwover';
import { quantiles } from 'throwover/kernel';
import { z } from 'zod';
import { provenance, type SeriesKind, tableRow } from '../results/series.ts';

/** Bound for "good": p99 of the first five minutes over the baseline's, at the median. */
const goodRatio = 1.2;

/** Bound for "cheap": share of the price of provisioned instances all year. */
const cheapShare = 0.02;

/**
 * Rounds on a machine that is busier than this are shown but not counted: they would measure the
 * machine's own queue.
 */
export const busyBound = 0.6;

export const measuredStrategies = [
  'nothing',
  'warm-up-invocations',
  'provisioned-window',
  'always-on',
] as const satisfies readonly StrategyName[];

export const figures = z
  .object({ requests: z.number(), p50Ms: z.number(), p99Ms: z.number(), errorRate: z.number() })
  .nullable();

const roundSchema = z.object({
  round: z.number(),
  runId: z.string(),
  to: z.string(),
  /** The strategy that the run really used, from the journal. */
  acted: z.string(),
  whole: figures,
  baseline: figures,
  coldStarts: z.number().nullable(),
  busyShare: z.number().nullable(),
  /** Failed requests of all clients in the round. */
  failed: z.number(),
});
export type WarmRound = z.infer<typeof roundSchema>;

const strategySchema = z.object({
  strategy: z.enum(measuredStrategies),
  usdPerWindow: z.number(),
  usdPerYear: z.number(),
  rounds: z.array(roundSchema),
});
export type MeasuredStrategy = z.infer<typeof strategySchema>;

/** One invocation. */
const seriesSchema = z.object({
  ...provenance,
  requestsPerSecond: z.number(),
  timeScale: z.number(),
  /** Number of instances that the prices are for, and the source of the prices. */
  instances: z.number().nullable(),
  memoryMb: z.number(),
  pricesOf: z.string(),
  strategies: z.array(strategySchema),
});
export type WarmSeries = z.infer<typeof seriesSchema>;

const median = (values: readonly number[]): number => quantiles(values)?.p50 ?? Number.NaN;

export const ratioOf = ({ whole, baseline }: WarmRound): number | null =>
  whole === null || baseline === null || baseline.p99Ms === 0 ? null : whole.p99Ms / baseline.p99Ms;

export function verdicts(series: WarmSeries) {
  const always = series.strategies.find(({ strategy }) => strategy === 'always-on')?.usdPerYear;
  return series.strategies.map(({ strategy, usdPerYear, rounds }) => {
    const ratios = rounds
      .filter((round) => round.busyShare !== null && round.busyShare <= busyBound)
      .flatMap((round) => ratioOf(round) ?? []);
    const medianRatio = ratios.length === 0 ? null : median(ratios);
    const shareOfAlwaysOn = always === undefined || always === 0 ? null : usdPerYear / always;
    const good =
      medianRatio !== null &&
      medianRatio <= goodRatio &&
      shareOfAlwaysOn !== null &&
      shareOfAlwaysOn <= cheapShare;
    // The ratio is over the rounds on a machine that was not too busy; `null`: there were none.
    return { strategy, medianRatio, counted: ratios.length, shareOfAlwaysOn, good };
  });
}

/** Returns the cheapest good strategy; `null` when none is good. */
export function recommended(series: WarmSeries) {
  const good = verdicts(series).filter((verdict) => verdict.good);
  return good.sort((a, b) => (a.shareOfAlwaysOn ?? 1) - (b.shareOfAlwaysOn ?? 1))[0] ?? null;
}

export const warmStrategiesSeries: SeriesKind<WarmSeries> = {
  name: 'warm-strategies',
  schema: seriesSchema,
  render: (all) =>
    [
      '## `npm run warm-strategies`',
      '',
      'Switchovers under load into a region whose functions are cold, one strategy after the other: p99 of the',
      'first five minutes over the five before the run, as the doors counted it. Waiting is scaled, machines are',
      'not: five minutes are 5 s here and a cold start is as long as it is, so it weighs 60 times what it weighs',
      'in life. "nothing" looks worse than it would, and the others are held to more. `ramp` is missing: until',
      'the switch the functions of the new region have no database to write to in the lab.',
      `Rounds with the machine more than ${busyBound * 100} % busy are shown and not counted. Generated from warm-strategies.jsonl.`,
      '',
      '| Seed, commit | Strategy | p99 over baseline, median / worst (counted of rounds) | p99 after / before, median (ms) | Cold starts, median | Failed | Busy, median | USD a window | USD a year | Of always-on | <= 1.2x at <= 2 % |',
      '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
      ...all.flatMap((series) => series.strategies.map((one) => rowOf(series, one))),
      '',
      ...all.map(
        (series) =>
          `${series.seed}, ${series.commit}: ${series.requestsPerSecond} requests/s; prices for ${series.instances ?? 'an unknown number of'} instances of ${series.memoryMb} MB, ${series.pricesOf}; recommended: ${recommended(series)?.strategy ?? 'none'}.`,
      ),
    ].join('\n'),
};

const usd = (value: number) => (value === 0 ? '0' : value.toPrecision(3));

function rowOf(
  series: WarmSeries,
  { strategy, rounds, usdPerWindow, usdPerYear }: MeasuredStrategy,
) {
  const verdict = verdicts(series).find((one) => one.strategy === strategy);
  const middle = (of: (round: WarmRound) => number | null, digits = 0) => {
    const known = rounds.flatMap((round) => of(round) ?? []);
    return known.length === 0 ? 'unknown' : median(known).toFixed(digits);
  };
  const ratios = rounds.flatMap((round) => ratioOf(round) ?? []);
  const ratio = verdict?.medianRatio ?? null;
  const worst = ratios.length === 0 ? 'unknown' : Math.max(...ratios).toFixed(2);
  const busy = middle((round) => (round.busyShare === null ? null : round.busyShare * 100));
  const share = verdict?.shareOfAlwaysOn ?? null;
  return tableRow([
    `${series.seed}, ${series.commit}`,
    strategy,
    `${ratio === null ? 'unknown' : ratio.toFixed(2)} / ${worst} (${verdict?.counted ?? 0} of ${rounds.length})`,
    `${middle(({ whole }) => whole?.p99Ms ?? null)} / ${middle(({ baseline }) => baseline?.p99Ms ?? null)}`,
    middle(({ coldStarts }) => coldStarts),
    rounds.reduce((sum, { failed }) => sum + failed, 0),
    `${busy} %`,
    usd(usdPerWindow),
    usd(usdPerYear),
    share === null ? 'unknown' : `${Number((share * 100).toPrecision(2))} %`,
    verdict?.good ? 'yes' : 'no',
  ]);
}

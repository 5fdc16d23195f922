import { causes } from 'throwover';
import { quantiles } from 'throwover/kernel';
import { z } from 'zod';
import { provenance, type SeriesKind, tableRow } from '../results/series.ts';
import { emptyMatrix, trueCauses } from '../stragglers/truth.ts';
import { movedSchema } from './truth.ts';

/**
 * The targets of a forecast: median of |error|, and share of the rounds inside its 90 % interval.
 */
const goodError = { t90: 0.1, t99: 0.2 } as const;
const goodInside = 0.8;

/** With fewer rounds than this, no verdict is given. */
const enoughRounds = 30;

const ms = z.number().nullable();
const predicted = z.object({ p5LifeMs: ms, p50LifeMs: ms, p95LifeMs: ms });
const row = z.object(Object.fromEntries(causes.map((cause) => [cause, z.number()])));

/** One round. */
const roundSchema = z.object({
  ...provenance,
  round: z.number(),
  /** Played to provide earlier runs; not scored. */
  learning: z.boolean(),
  runId: z.string(),
  from: z.string(),
  to: z.string(),
  /** Shares of clients. */
  mix: z.record(z.string(), z.number()),
  forecast: z.object({
    t50: predicted,
    t90: predicted,
    t99: predicted,
    weights: z.string(),
    residualShare: z.number().nullable(),
  }),
  truth: movedSchema,
  /** Stragglers by true cause (rows) and by the cause that the doors reported. */
  matrix: z.record(z.enum(trueCauses), row),
  compared: z.number(),
  unmatched: z.number(),
  /** Failed requests of clients in the whole round. */
  failed: z.number(),
  busyShare: z.number().nullable(),
});
export type ForecastRound = z.infer<typeof roundSchema>;

type ShareName = 't50' | 't90' | 't99';

export function scored({ forecast, truth }: ForecastRound, share: ShareName) {
  const { p5LifeMs: low, p50LifeMs: predictedLifeMs, p95LifeMs: high } = forecast[share];
  const truthLifeMs = truth[`${share}LifeMs`];
  const known = predictedLifeMs !== null && truthLifeMs !== null && truthLifeMs > 0;
  return {
    ...{ predictedLifeMs, truthLifeMs },
    /** (predicted - truth) / truth; `null`: one of them is unknown, or the truth is 0. */
    error: known ? (predictedLifeMs - truthLifeMs) / truthLifeMs : null,
    /** `null`: unknown. It counts as outside. */
    inside:
      low === null || high === null || truthLifeMs === null
        ? null
        : low <= truthLifeMs && truthLifeMs <= high,
  };
}

type Verdict = ReturnType<typeof verdictOf>;

/** Returns the verdict on one seed's rounds, without the learning rounds. */
export function verdictOf(all: readonly ForecastRound[]) {
  const rounds = all.filter(({ learning }) => !learning);
  const of = (share: ShareName) => rounds.map((round) => scored(round, share));
  const median = (share: ShareName, size: (error: number) => number) =>
    quantiles(of(share).flatMap(({ error }) => (error === null ? [] : [size(error)])))?.p50 ?? null;
  const each = <T>(value: (share: ShareName) => T) => ({
    ...{ t50: value('t50'), t90: value('t90'), t99: value('t99') },
  });
  const medianError = each((share) => median(share, Math.abs));
  const inside = each((share) => of(share).filter((one) => one.inside).length);
  const held = (['t90', 't99'] as const).every((share) => {
    const error = medianError[share];
    return (
      error !== null &&
      error <= goodError[share] &&
      inside[share] >= Math.ceil(goodInside * rounds.length)
    );
  });
  return {
    rounds: rounds.length,
    ...{ medianError, inside },
    /** `null`: too few rounds for a verdict. */
    good: rounds.length < enoughRounds ? null : held,
    /** Median of the signed errors: above 0 the forecast is too late. */
    medianBias: each((share) => median(share, (error) => error)),
  };
}

export function verdictText({ rounds, good }: Pick<Verdict, 'rounds' | 'good'>): string {
  if (good === null) return `undecided: ${rounds} of ${enoughRounds} rounds`;
  return good ? 'held' : 'NOT HELD';
}

/** Returns the sum of the rounds' matrices. */
export function confusionSum(rounds: readonly ForecastRound[]): ForecastRound['matrix'] {
  const sum = emptyMatrix();
  for (const { matrix } of rounds) {
    for (const truth of trueCauses) {
      for (const said of causes) sum[truth][said] += matrix[truth][said] ?? 0;
    }
  }
  return sum;
}

export const forecastSeries: SeriesKind<ForecastRound> = {
  name: 'forecast',
  schema: roundSchema,
  render: (all) => {
    const bySeed = [...Map.groupBy(all, ({ seed }) => seed)].map(([seed, rounds]) => ({
      ...{ seed, rounds },
      verdict: verdictOf(rounds),
    }));
    return [
      '## `npm run forecast-rounds`',
      '',
      'Switchovers with random mixes of resolvers, pools and runtimes that keep addresses, a population of its',
      'own each. Before each one `throwover` forecasts when 90 % and 99 % of the traffic will have moved, from',
      'what front doors, beacons, its survey of the resolvers and earlier runs saw; the truth is the clients’.',
      'Times are life. Generated from forecast.jsonl.',
      '',
      '| Seed | Rounds | Median abs. error t90 / t99 | Bias t90 / t99 | Inside the 90 % interval t90 / t99 | Held to 10 % / 20 %, 80 % inside |',
      '| --- | ---: | ---: | ---: | ---: | --- |',
      ...bySeed.map(({ seed, rounds, verdict: v }) =>
        tableRow([
          `${seed} (${[...new Set(rounds.map(({ commit }) => commit))].join(', ')})`,
          String(v.rounds),
          `${percent(v.medianError.t90)} / ${percent(v.medianError.t99)}`,
          `${percent(v.medianBias.t90)} / ${percent(v.medianBias.t99)}`,
          `${v.inside.t90} / ${v.inside.t99}`,
          verdictText(v),
        ]),
      ),
      '',
      'Causes of stragglers: what the clients know (rows), what the doors said.',
      '',
      ...bySeed.flatMap(({ seed, rounds }) => [
        tableRow([`Seed ${seed}`, ...causes]),
        `| --- |${' ---: |'.repeat(causes.length)}`,
        ...Object.entries(confusionSum(rounds)).map(([cause, said]) =>
          tableRow([cause, ...causes.map((name) => String(said[name] ?? 0))]),
        ),
        '',
      ]),
      'Each round, s of life: forecast (5 % to 95 %) and truth.',
      '',
      '| Seed, round | t90 forecast | t90 truth | t99 forecast | t99 truth | Truth is known to | Requests, stragglers | Failed | Busy |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...all.map((round) =>
        tableRow([
          `${round.seed}, ${round.learning ? 'to learn' : round.round}`,
          ...(['t90', 't99'] as const).flatMap((share) => [
            forecastText(round, share),
            `${seconds(round.truth[`${share}LifeMs`])}${scored(round, share).inside ? '' : ' (outside)'}`,
          ]),
          `${seconds(round.truth.resolutionLifeMs)}`,
          `${round.truth.requests}, ${round.truth.stragglers}`,
          String(round.failed),
          percent(round.busyShare),
        ]),
      ),
    ].join('\n');
  },
};

export const percent = (share: number | null) =>
  share === null ? 'unknown' : `${(share * 100).toFixed(1)} %`;
const seconds = (lifeMs: number | null) =>
  lifeMs === null ? 'unknown' : (lifeMs / 1_000).toFixed(0);

function forecastText({ forecast }: ForecastRound, share: ShareName): string {
  const { p5LifeMs, p50LifeMs, p95LifeMs } = forecast[share];
  return `${seconds(p50LifeMs)} (${seconds(p5LifeMs)} to ${seconds(p95LifeMs)})`;
}

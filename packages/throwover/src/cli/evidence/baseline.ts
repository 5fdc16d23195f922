import { Argument, InvalidArgumentError, Option } from 'commander';
import {
  type Baseline,
  baselinesOf,
  captured,
  improvementErrors,
  metricSources,
  midnightBefore,
} from '../../improvement/improvement.ts';
import { formatMs, isoTime, maxColumns } from '../../kernel/kernel.ts';
import {
  dayMs,
  type Metric,
  metricNames,
  metricOf,
  metrics,
  refreshCommand,
} from '../../records/records.ts';
import { answer } from '../command.ts';
import { asPerson, mandatory, whole } from '../options.ts';
import { clip } from '../run/progress-view.ts';
import { whoGives } from './who.ts';

export function knownMetric(name: string): Metric {
  const metric = metricOf(name);
  if (metric !== null) return metric;
  throw improvementErrors.make(
    'no-such-metric',
    `expected one of ${metricNames.join(', ')}; found "${name}"`,
  );
}

/** Captures the whole weeks before last midnight (UTC); they are never changed afterwards. */
export const captureBaseline = answer({
  name: 'baseline capture',
  says: 'Capture the whole weeks before last midnight (UTC); a baseline never changes',
  takes: () => [
    new Argument('<name>'),
    asPerson(),
    mandatory(
      new Option('--metric <name>', 'Metric to capture; `throwover baseline metrics` lists them'),
    ),
    new Option('--weeks <count>', 'Number of whole weeks').argParser(whole(1, 52)).default(8),
    new Option(
      '--quantile <number>',
      'Quantile that will be compared, for example 0.9 (default: that of the metric)',
    ).argParser(quantileGiven),
  ],
  look: async (
    session,
    given: { name: string; metric: string; weeks: number; quantile?: number; as?: string },
  ) => {
    const { records } = session.parts;
    const by = whoGives(session, given.as);
    const { name, weeks } = given;
    const metric = knownMetric(given.metric);
    if (baselinesOf(await records.list('baseline')).has(name)) {
      throw improvementErrors.make('baseline-exists', `there is a baseline "${name}"`);
    }
    const untilWallMs = midnightBefore(session.clock.wallMs());
    const fromWallMs = untilWallMs - weeks * 7 * dayMs;
    const sources = metricSources(session.parts, session.loaded.service.name);
    const samples = await metric.read(sources, { sinceWallMs: fromWallMs, untilWallMs });
    const quantile = given.quantile ?? metric.quantile;
    const body = captured({ name, metric, quantile, fromWallMs, weeks }, samples);
    if (body === null) {
      throw improvementErrors.make(
        'baseline-empty',
        `${metric.name} has no sample in ${weeks} weeks before ${day(untilWallMs)}; ${refreshCommand(metric.refresh)} makes them`,
      );
    }
    const { atWallMs } = await records.append('baseline', by, body);
    return { ...body, by, atWallMs };
  },
  text: baselineText,
  json: shown,
});

export const listBaselines = answer({
  name: 'baseline list',
  says: 'List the captured baselines',
  look: async ({ parts }) => [...baselinesOf(await parts.records.list('baseline')).values()],
  text: (baselines) => baselines.map(baselineText).join('\n\n') || 'No baselines yet.',
  json: (baselines) => ({ baselines: baselines.map(shown) }),
});

export const listMetrics = answer({
  name: 'baseline metrics',
  says: 'List the metrics that can be captured',
  look: async () => ({
    metrics: metrics.map(({ name, title, unit, cadence, leading }) => {
      return { name, title, unit, cadence, leading };
    }),
  }),
  text: ({ metrics: told }) =>
    told
      .flatMap(({ name, title, cadence }) => [
        clip(`${name.padEnd(18)} ${title}`, maxColumns),
        `${' '.repeat(19)}${cadence === 'run' ? 'one sample a run' : 'sampled always'}`,
      ])
      .join('\n'),
});

function quantileGiven(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError('expected a number between 0 and 1.');
}

/** Returns a value with its unit, for people. */
export function valueText({ unit }: Metric, value: number): string {
  return unit === 'ms' ? formatMs(value) : `${(value * 100).toPrecision(3)} %`;
}

function shown({ days, ...baseline }: Baseline) {
  return { ...baseline, daysWithSamples: days.filter((values) => values.length > 0).length };
}

function baselineText(baseline: Baseline): string {
  const { name, weeks, fromWallMs, count, quantiles, by, atWallMs } = baseline;
  const metric = knownMetric(baseline.metric);
  const value = (of: number) => valueText(metric, of);
  const days = shown(baseline).daysWithSamples;
  return [
    `${name}: ${metric.name}, ${weeks} weeks from ${day(fromWallMs)} (UTC)`,
    `  p50 ${value(quantiles.p50)}, p90 ${value(quantiles.p90)}, p99 ${value(quantiles.p99)}; n=${count} on ${days} of ${weeks * 7} days`,
    `  judged by its p${Number((baseline.quantile * 100).toFixed(2))}; captured ${day(atWallMs)} by ${by}`,
  ].join('\n');
}

const day = (wallMs: number) => isoTime(wallMs).slice(0, 10);

import {
  type Baseline,
  baselinesOf,
  captured,
  improvementErrors,
  metricSources,
  midnightBefore,
} from '../../improvement/improvement.ts';
import { formatMs, isoTime, maxColumns } from '../../kernel/kernel.ts';
import { dayMs, type Metric, metricNames, metricOf, metrics } from '../../records/records.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
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

/**
 * `throwover baseline capture NAME`: captures the whole weeks before last midnight (UTC); they are
 * never changed afterwards.
 */
export async function captureBaseline(
  context: CommandContext,
  options: { name: string; metric: string; weeks: number; quantile?: number; as?: string },
): Promise<ExitCode> {
  const { output, session } = context;
  const { records } = session.parts;
  const by = whoGives(context, options.as);
  const { name, weeks } = options;
  const metric = knownMetric(options.metric);
  if (baselinesOf(await records.list('baseline')).has(name)) {
    throw improvementErrors.make('baseline-exists', `there is a baseline "${name}"`);
  }
  const untilWallMs = midnightBefore(session.clock.wallMs());
  const fromWallMs = untilWallMs - weeks * 7 * dayMs;
  const sources = metricSources(session.parts, session.loaded.service.name);
  const samples = await metric.read(sources, { sinceWallMs: fromWallMs, untilWallMs });
  const quantile = options.quantile ?? metric.quantile;
  const body = captured({ name, metric, quantile, fromWallMs, weeks }, samples);
  if (body === null) {
    throw improvementErrors.make(
      'baseline-empty',
      `${metric.name} has no sample in ${weeks} weeks before ${day(untilWallMs)}; ${metric.refresh} makes them`,
    );
  }
  const { atWallMs } = await records.append('baseline', by, body);
  const baseline = { ...body, by, atWallMs };
  output.result(shown(baseline), baselineText(baseline));
  return exitCodes.ok;
}

/** `throwover baseline list`. */
export async function listBaselines({ output, session }: CommandContext): Promise<ExitCode> {
  const baselines = [...baselinesOf(await session.parts.records.list('baseline')).values()];
  const text = baselines.map(baselineText).join('\n\n') || 'No baselines yet.';
  output.result({ baselines: baselines.map(shown) }, text);
  return exitCodes.ok;
}

/** `throwover baseline metrics`: lists the metrics that can be captured. */
export async function listMetrics({ output }: CommandContext): Promise<ExitCode> {
  const told = metrics.map(({ name, title, unit, cadence, leading }) => ({
    name,
    title,
    unit,
    cadence,
    leading,
  }));
  const text = told.map(({ name, title, cadence }) =>
    [
      clip(`${name.padEnd(18)} ${title}`, maxColumns),
      `${' '.repeat(19)}${cadence === 'run' ? 'one sample a run' : 'sampled always'}`,
    ].join('\n'),
  );
  output.result({ metrics: told }, text.join('\n'));
  return exitCodes.ok;
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

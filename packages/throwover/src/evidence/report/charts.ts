import { formatMs, quantiles } from '../../kernel/kernel.ts';
import { promotion } from '../measurement/measurement.ts';
import type { Figures, RunEvidence } from '../measurement/run-evidence.ts';
import { intervalMs, type Series } from '../measurement/series.ts';

/** One run as a report shows it. */
export interface ShownRun {
  readonly evidence: RunEvidence;
  readonly figures: Figures;
  readonly series: Series;
  /** CSS variable of its colour. */
  readonly color: string;
}

/** One chart as data; the page's script draws it (draw.js). */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** A sentence that says what the chart shows, also for people who cannot see it. */
  readonly summary: string;
  readonly x: string;
  readonly unit: 'share' | 'count' | 'ms';
  readonly log: boolean;
  /** True when each value holds from its x to the next one: counts of an interval. */
  readonly stepped: boolean;
  readonly series: readonly {
    readonly label: string;
    readonly color: string;
    readonly dash?: true;
    readonly fill?: true;
  }[];
  readonly marks: readonly {
    readonly at: number;
    readonly label: string;
    readonly color?: string;
  }[];
  /** x first, then one column for each of `series`. */
  readonly data: readonly (readonly (number | null)[])[];
}

const sinceFirstAct = 'since the first act';

export function stragglerChart(runs: readonly ShownRun[]): Chart {
  return {
    id: 'stragglers',
    title: 'Who still came in by the old region',
    summary: runs.map(stragglerSummary).join(' '),
    x: 'since the flip',
    unit: 'share',
    log: false,
    stepped: true,
    marks: runs.flatMap(holdoverMarks),
    series: runs.map(({ evidence, color }) => ({ label: evidence.kind, color })),
    data: joined(
      runs.map(({ series }) => ({ x: series.stragglers.t, y: series.stragglers.share })),
    ),
  };
}

function holdoverMarks({ figures: { holdoverMs }, color }: ShownRun): Chart['marks'] {
  if (holdoverMs === null) return [];
  const { p50, p95, max } = holdoverMs;
  return [
    { at: p50 / 1_000, label: 't50', color },
    { at: p95 / 1_000, label: 't95', color },
    { at: max / 1_000, label: 'last', color },
  ];
}

function stragglerSummary({ evidence, figures, series }: ShownRun): string {
  const { holdoverMs } = figures;
  if (holdoverMs === null) return `${evidence.kind}: the address was never flipped.`;
  const unfinished = series.holdovers.filter((client) => client.unfinished).length;
  const open =
    unfinished === 0
      ? ''
      : ` ${unfinished} of them still did so at the end, so that their time is a lower bound.`;
  const { p50, p95, max, count } = holdoverMs;
  return `${evidence.kind}: half of ${count} clients had left after ${formatMs(p50)}, 95 % after ${formatMs(p95)}, the last after ${formatMs(max)}.${open}`;
}

export function latencyChart(runs: readonly ShownRun[]): Chart {
  return {
    id: 'latency',
    title: 'p99 of all requests, by second',
    summary: runs
      .map(({ evidence, figures: { p99Ms } }) => {
        const [before, after] = [p99Ms.before, p99Ms.after].map((ms) =>
          ms === null ? 'unknown' : formatMs(ms),
        );
        return `${evidence.kind}: ${before} before (${p99Ms.countBefore} requests), ${after} in the first five minutes of life (${p99Ms.countAfter}).`;
      })
      .join(' '),
    x: sinceFirstAct,
    unit: 'ms',
    log: true,
    stepped: true,
    marks: [{ at: 0, label: 'first act' }, ...flipMarks(runs)],
    series: runs.flatMap(({ evidence, color }) => [
      { label: evidence.kind, color },
      { label: `${evidence.kind}, baseline`, color, dash: true as const },
    ]),
    data: joined(
      runs.flatMap(({ series, figures }) => [
        {
          x: series.requests.t,
          y: series.requests.p99Ms.map((ms) => (ms === null ? null : Math.max(1, ms))),
        },
        { x: series.requests.t, y: series.requests.t.map(() => figures.p99Ms.before) },
      ]),
    ),
  };
}

export function requestChart(run: ShownRun, index: number): Chart {
  const { evidence, figures, series } = run;
  const { from, to } = evidence;
  const failed = `${figures.requestsFailed} of ${figures.requests} requests failed, ${figures.staleReads} of ${figures.reads} reads were stale`;
  const gap = series.writeGap;
  const usual = series.baselineWriteGap;
  return {
    id: `requests-${index}`,
    title: `${evidence.kind}: requests a second, by the region that answered`,
    summary: `${failed}. ${
      gap === null
        ? 'Nobody tried to write.'
        : `The longest write gap, ${formatMs(gap.ms)}, began ${formatMs(Math.abs(gap.startMs - evidence.firstActMs))} ${gap.startMs < evidence.firstActMs ? 'before' : 'after'} the first act${usual === null ? '' : `; before the run it was ${formatMs(usual.ms)} at most`}.`
    }`,
    x: sinceFirstAct,
    unit: 'count',
    log: false,
    stepped: true,
    marks: [{ at: 0, label: 'first act' }, ...promotionMark(run), ...flipMarks([run], 'flip')],
    series: [
      { label: `${from} (old)`, color: 'old', fill: true },
      { label: `${to} (new)`, color: 'new', fill: true },
      { label: 'failed', color: 'bad' },
      { label: 'stale reads', color: 'stale' },
    ],
    data: [
      series.requests.t,
      series.requests.byOld,
      series.requests.byNew,
      series.requests.failed,
      series.requests.stale,
    ],
  };
}

export function lagChart(runs: readonly ShownRun[]): Chart {
  return {
    id: 'lag',
    title: 'Replication lag',
    summary: runs
      .map(({ evidence, figures: { lagMs } }) =>
        lagMs === null
          ? `${evidence.kind}: no sample.`
          : `${evidence.kind}: half of ${lagMs.count} samples until the promotion were below ${formatMs(lagMs.p50)}, 99 % below ${formatMs(lagMs.p99)}.`,
      )
      .join(' '),
    x: sinceFirstAct,
    unit: 'ms',
    log: true,
    stepped: false,
    marks: [{ at: 0, label: 'first act' }],
    series: runs.map(({ evidence, color }) => ({ label: evidence.kind, color })),
    data: joined(runs.map(({ series }) => onGrid(series.lag))),
  };
}

export function webhookChart(runs: readonly ShownRun[]): Chart {
  return {
    id: 'webhooks',
    title: 'Webhooks without an effect yet',
    summary: runs
      .map(({ evidence, figures, series }) => {
        const peak = quantiles(series.webhooks.backlog)?.max ?? 0;
        return `${evidence.kind}: of ${figures.webhooksSent} events ${figures.webhooksMissed} were missed and ${figures.webhooksLate} late; at most ${peak} waited at once.`;
      })
      .join(' '),
    x: sinceFirstAct,
    unit: 'count',
    log: false,
    stepped: false,
    marks: [{ at: 0, label: 'first act' }, ...flipMarks(runs)],
    series: runs.map(({ evidence, color }) => ({ label: evidence.kind, color })),
    data: joined(
      runs.map(({ series: { webhooks } }) => ({
        // A running total belongs to the end of its interval.
        x: webhooks.t.map((start) => start + intervalMs / 1_000),
        y: webhooks.backlog,
      })),
    ),
  };
}

function flipMarks(runs: readonly ShownRun[], name?: string): Chart['marks'] {
  return runs.flatMap(({ evidence, color }) =>
    evidence.flippedMs === null
      ? []
      : [
          {
            at: (evidence.flippedMs - evidence.firstActMs) / 1_000,
            label: name ?? `flip, ${evidence.kind}`,
            ...(name === undefined ? { color } : {}),
          },
        ],
  );
}

function promotionMark({ evidence }: ShownRun): Chart['marks'] {
  const step = promotion(evidence);
  return step === undefined
    ? []
    : [{ at: (step.endMs - evidence.firstActMs) / 1_000, label: 'promoted' }];
}

/** Width of the lag chart's grid, s: samples of two runs are not taken at the same moments. */
const lagGridSeconds = 0.5;

/** Returns the highest lag in each half second, so that no peak is lost between two points. */
function onGrid({ t, lagMs }: Series['lag']): Column {
  const highest = new Map<number, number>();
  t.forEach((at, i) => {
    const ms = lagMs[i] ?? null;
    const x = Math.floor(at / lagGridSeconds) * lagGridSeconds;
    if (ms !== null) highest.set(x, Math.max(1, ms, highest.get(x) ?? 0));
  });
  return { x: [...highest.keys()], y: [...highest.values()] };
}

interface Column {
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

/**
 * Returns the columns over one common x. All use the same grid, so a missing value is a real gap.
 */
function joined(columns: readonly Column[]): Chart['data'] {
  const xs = new Set(columns.flatMap(({ x }) => x));
  const sorted = [...xs].sort((a, b) => a - b);
  const values = columns.map(({ x, y }) => {
    const byX = new Map(x.map((at, i) => [at, y[i] ?? null]));
    return sorted.map((at) => byX.get(at) ?? null);
  });
  return [sorted, ...values];
}

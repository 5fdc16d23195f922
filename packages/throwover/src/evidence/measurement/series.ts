import { quantiles } from '../../kernel/kernel.ts';
import {
  baselineWriteGap,
  type Holdover,
  holdovers,
  longestWriteGap,
  type Recovery,
  recoveryOf,
  switchingSinceMs,
  type WriteGap,
} from './measurement.ts';
import { effectTimes, outcomeOf, webhookOutcomes } from './outcomes.ts';
import type { RequestRecord, RunEvidence } from './run-evidence.ts';

/** Width of an interval of the series, ms of local time. */
export const intervalMs = 1_000;

/** Finer, because the curve is steep in the first moments after the flip. */
const stragglerIntervalMs = 500;

/** Columns of equal length: `t` is the start of the interval, seconds since the first act. */
export interface Series {
  readonly requests: {
    readonly t: readonly number[];
    readonly byOld: readonly number[];
    readonly byNew: readonly number[];
    readonly byNobody: readonly number[];
    readonly failed: readonly number[];
    readonly stale: readonly number[];
    /** `null` when no request ended in the interval. */
    readonly p99Ms: readonly (number | null)[];
  };
  /** `t` in seconds since the flip; empty without one. */
  readonly stragglers: {
    readonly t: readonly number[];
    readonly count: readonly number[];
    readonly share: readonly (number | null)[];
  };
  readonly lag: { readonly t: readonly number[]; readonly lagMs: readonly (number | null)[] };
  /** Running totals at the end of each interval. */
  readonly webhooks: {
    readonly t: readonly number[];
    readonly sent: readonly number[];
    readonly effects: readonly number[];
    readonly backlog: readonly number[];
    readonly late: readonly number[];
  };
  readonly holdovers: readonly Holdover[];
  readonly writeGap: WriteGap | null;
  readonly baselineWriteGap: WriteGap | null;
  readonly recovery: Recovery;
  readonly switchingSinceMs: number;
}

/** Returns the data for the charts of a report: the same evidence as the figures, over time. */
export function series(evidence: RunEvidence): Series {
  return {
    requests: requestSeries(evidence),
    stragglers: stragglerSeries(evidence),
    lag: lagSeries(evidence),
    webhooks: webhookSeries(evidence),
    holdovers: [...holdovers(evidence)].sort((a, b) => a.ms - b.ms),
    writeGap: longestWriteGap(evidence),
    baselineWriteGap: baselineWriteGap(evidence),
    recovery: recoveryOf(evidence),
    switchingSinceMs: switchingSinceMs(evidence),
  };
}

function requestSeries(evidence: RunEvidence): Series['requests'] {
  const { requests, from, to } = evidence;
  const starts = intervals(evidence);
  const bins = binned(requests, starts, ({ endMs }) => endMs);
  const count = (matches: (request: RequestRecord) => boolean) =>
    bins.map((bin) => bin.filter(matches).length);
  return {
    t: sinceFirstAct(evidence, starts),
    byOld: count(({ region }) => region === from),
    byNew: count(({ region }) => region === to),
    byNobody: count(({ region }) => region !== from && region !== to),
    failed: count((request) => outcomeOf(request) === 'failed'),
    stale: count((request) => outcomeOf(request) === 'stale'),
    p99Ms: bins.map(
      (bin) => quantiles(bin.map(({ sentMs, endMs }) => endMs - sentMs))?.p99 ?? null,
    ),
  };
}

function stragglerSeries({ requests, flippedMs, from, toMs }: RunEvidence): Series['stragglers'] {
  if (flippedMs === null) return { t: [], count: [], share: [] };
  const starts = steps(flippedMs, toMs, stragglerIntervalMs);
  const bins = binned(requests, starts, ({ sentMs }) => sentMs, stragglerIntervalMs);
  const old = bins.map((bin) => bin.filter(({ entry }) => entry === from).length);
  return {
    t: starts.map((at) => (at - flippedMs) / 1_000),
    count: old,
    share: bins.map((bin, i) => (bin.length === 0 ? null : (old[i] ?? 0) / bin.length)),
  };
}

function lagSeries(evidence: RunEvidence): Series['lag'] {
  const sorted = [...evidence.lag].sort((a, b) => a.atMs - b.atMs);
  return {
    t: sinceFirstAct(
      evidence,
      sorted.map(({ atMs }) => atMs),
    ),
    lagMs: sorted.map(({ lagMs }) => lagMs),
  };
}

function webhookSeries(evidence: RunEvidence): Series['webhooks'] {
  const effects = effectTimes(evidence);
  const outcomes = webhookOutcomes(evidence);
  const starts = intervals(evidence);
  const sent: number[] = [];
  const done: number[] = [];
  const late: number[] = [];
  for (const start of starts) {
    const end = start + intervalMs;
    const seen = evidence.webhooks.filter(({ createdMs }) => createdMs < end);
    const worked = seen.filter(({ id }) => (effects.get(id) ?? Number.POSITIVE_INFINITY) < end);
    sent.push(seen.length);
    done.push(worked.length);
    late.push(seen.filter(({ id }) => outcomes.get(id) === 'late').length);
  }
  return {
    t: sinceFirstAct(evidence, starts),
    sent,
    effects: done,
    backlog: sent.map((count, i) => count - (done[i] ?? 0)),
    late,
  };
}

/**
 * Returns the starts of intervals that cover the recording, placed so that one begins with the
 * first act.
 */
function intervals({ fromMs, toMs, firstActMs }: RunEvidence): number[] {
  const before = Math.ceil((firstActMs - fromMs) / intervalMs);
  return steps(firstActMs - before * intervalMs, toMs, intervalMs);
}

function steps(fromMs: number, toMs: number, widthMs: number): number[] {
  const count = Math.max(0, Math.ceil((toMs - fromMs) / widthMs));
  return Array.from({ length: count }, (_, i) => fromMs + i * widthMs);
}

function binned<T>(
  items: readonly T[],
  starts: readonly number[],
  at: (item: T) => number,
  widthMs: number = intervalMs,
): T[][] {
  const bins: T[][] = starts.map(() => []);
  const first = starts[0] ?? 0;
  for (const item of items) bins[Math.floor((at(item) - first) / widthMs)]?.push(item);
  return bins;
}

function sinceFirstAct({ firstActMs }: RunEvidence, times: readonly number[]): number[] {
  return times.map((at) => (at - firstActMs) / 1_000);
}

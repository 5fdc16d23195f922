import { quantiles } from '../../kernel/kernel.ts';
import {
  baselineWriteGap,
  holdovers,
  longestWriteGap,
  recoveryOf,
  switchingSinceMs,
} from './measurement.ts';
import { effectTimes, outcomeOf, webhookOutcomes } from './outcomes.ts';
import type { RequestRecord, RunEvidence } from './run-evidence.ts';

/** Width of an interval of the series, ms of local time. */
export const intervalMs = 1_000;

/** Finer, because the curve is steep in the first moments after the flip. */
const stragglerIntervalMs = 500;

export type Series = ReturnType<typeof series>;

/**
 * Returns the data for the charts of a report: the same evidence as the figures, over time. Each
 * part has columns of equal length: `t` is the start of the interval, seconds since the first act.
 */
export function series(evidence: RunEvidence) {
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

function requestSeries(evidence: RunEvidence) {
  const { requests, from, to } = evidence;
  const starts = intervals(evidence);
  const bins = binned(requests, starts, ({ endMs }) => endMs);
  const count = (matches: (request: RequestRecord) => boolean) =>
    bins.map((bin) => bin.filter(matches).length);
  return {
    t: starts.map((start) => secondsIn(evidence, start)),
    byOld: count(({ region }) => region === from),
    byNew: count(({ region }) => region === to),
    byNobody: count(({ region }) => region !== from && region !== to),
    failed: count((request) => outcomeOf(request) === 'failed'),
    stale: count((request) => outcomeOf(request) === 'stale'),
    // `null` when no request ended in the interval.
    p99Ms: bins.map(
      (bin) => quantiles(bin.map(({ sentMs, endMs }) => endMs - sentMs))?.p99 ?? null,
    ),
  };
}

/** `t` is in seconds since the flip. Without a flip there is no interval. */
function stragglerSeries({ requests, flippedMs, from, toMs }: RunEvidence) {
  const sinceMs = flippedMs ?? toMs;
  const starts = steps(sinceMs, toMs, stragglerIntervalMs);
  const bins = binned(requests, starts, ({ sentMs }) => sentMs, stragglerIntervalMs);
  const old = bins.map((bin) => bin.filter(({ entry }) => entry === from).length);
  return {
    t: starts.map((at) => (at - sinceMs) / 1_000),
    count: old,
    share: bins.map((bin, i) => (bin.length === 0 ? null : (old[i] ?? 0) / bin.length)),
  };
}

function lagSeries(evidence: RunEvidence) {
  const sorted = [...evidence.lag].sort((a, b) => a.atMs - b.atMs);
  return {
    t: sorted.map(({ atMs }) => secondsIn(evidence, atMs)),
    lagMs: sorted.map(({ lagMs }) => lagMs),
  };
}

/** Running totals at the end of each interval. */
function webhookSeries(evidence: RunEvidence) {
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
    t: starts.map((start) => secondsIn(evidence, start)),
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

/** Seconds since the first act. */
function secondsIn({ firstActMs }: RunEvidence, at: number): number {
  return (at - firstActMs) / 1_000;
}

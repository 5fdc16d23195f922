import { quantiles } from '../../kernel/kernel.ts';
import type { StepRecord } from '../../records/records.ts';
import { lifeBetween, waitOfLife } from './life-time.ts';
import { isAcknowledgedWrite, outcomeOf, webhookOutcomes } from './outcomes.ts';
import { recoveredAtMs, recoveryWindowMs } from './recovery.ts';
import type { Figures, RequestRecord, RunEvidence } from './run-evidence.ts';

/**
 * Period of life time that `p99Ms.after` covers, ms: a cold standby is slow for about five minutes.
 */
const settlingLifeMs = 5 * 60_000;

/**
 * Steps that affect the writer or the traffic; from the first of them on clients may notice the
 * run.
 */
const switchingSteps: ReadonlySet<string> = new Set(['hold-door', 'fence', 'promote', 'flip']);

/**
 * Returns the figures of a run, from what was seen (docs/measurement.md defines each). Pure; the
 * order of the records does not matter.
 */
export function measure(evidence: RunEvidence): Figures {
  const { requests } = evidence;
  const acknowledged = requests.filter(isAcknowledgedWrite);
  const survived = new Set(evidence.survivors.orderKeys);
  const lost = acknowledged.filter(({ key }) => !survived.has(key));
  const failed = requests.filter((request) => outcomeOf(request) === 'failed');
  const promotedMs = promotion(evidence)?.endMs ?? Number.POSITIVE_INFINITY;
  const webhooks = [...webhookOutcomes(evidence).values()];
  const recovery = recoveryOf(evidence);
  const rpoMs = lostSpanLifeMs(evidence, lost);
  const objectives = objectiveRows(evidence, recovery.lifeMs, rpoMs);
  return {
    writesAcknowledged: new Set(acknowledged.map(({ key }) => key)).size,
    writesLost: new Set(lost.map(({ key }) => key)).size,
    twoWritersMs: twoWritersMs(evidence),
    staleReads: requests.filter((request) => outcomeOf(request) === 'stale').length,
    reads: requests.filter(({ kind }) => kind === 'read').length,
    requests: requests.length,
    requestsFailed: failed.length,
    requestsFailedAfterPromotion: failed.filter(({ endMs }) => endMs >= promotedMs).length,
    webhooksSent: webhooks.length,
    webhooksMissed: webhooks.filter((outcome) => outcome === 'missed').length,
    webhooksLate: webhooks.filter((outcome) => outcome === 'late').length,
    writeGapMs: longestWriteGap(evidence)?.ms ?? null,
    holdoverMs: holdoverQuantiles(evidence),
    p99Ms: p99BeforeAndAfter(evidence),
    lagMs: quantiles(lagWhileActive(evidence)),
    rtoMs: recovery.lifeMs,
    rtoLabMs: recovery.labMs,
    rpoMs,
    objectivesMet: objectives.every(({ met }) => met),
    objectives,
  };
}

/** Returns the promotion, if one succeeded. */
export function promotion({ steps }: RunEvidence): StepRecord | undefined {
  return steps.find(({ name, result }) => name === 'promote' && result !== 'failed');
}

export interface WriteGap {
  readonly startMs: number;
  readonly endMs: number;
  readonly ms: number;
}

/**
 * Returns the longest interval that ends after the first act and contains no end of an acknowledged
 * write that survived. It may begin before the first act. If no such write came before, it begins
 * when the first write was sent. The last interval ends when the last write was sent: later nobody
 * tried. `null` when nobody tried at all.
 */
export function longestWriteGap(evidence: RunEvidence): WriteGap | null {
  const writes = evidence.requests.filter(({ kind }) => kind === 'write');
  const lastSentMs = maximum(writes.map(({ sentMs }) => sentMs));
  if (lastSentMs === null || lastSentMs < evidence.firstActMs) return null;
  const ends = [firstSent(writes), ...survivingEnds(evidence)].sort((a, b) => a - b);
  const lastMs = ends.at(-1) ?? lastSentMs;
  if (lastSentMs > lastMs) ends.push(lastSentMs);
  return longest(ends, ({ endMs }) => endMs > evidence.firstActMs);
}

/**
 * Returns the longest such interval that ends before the first act, between two writes that
 * survived: the clients' own pace and the machine's noise.
 */
export function baselineWriteGap(evidence: RunEvidence): WriteGap | null {
  const ends = survivingEnds(evidence).sort((a, b) => a - b);
  return longest(ends, ({ endMs }) => endMs <= evidence.firstActMs);
}

function survivingEnds({ requests, survivors }: RunEvidence): number[] {
  const survived = new Set(survivors.orderKeys);
  return requests
    .filter(isAcknowledgedWrite)
    .filter(({ key }) => survived.has(key))
    .map(({ endMs }) => endMs);
}

function longest(sorted: readonly number[], counts: (gap: WriteGap) => boolean): WriteGap | null {
  let best: WriteGap | null = null;
  let startMs: number | undefined;
  for (const endMs of sorted) {
    if (startMs !== undefined) {
      const gap = { startMs, endMs, ms: endMs - startMs };
      if (counts(gap) && gap.ms > (best?.ms ?? -1)) best = gap;
    }
    startMs = endMs;
  }
  return best;
}

/**
 * Returns the time from the first write that the new region acknowledged to the last one that the
 * old region did; 0 when that came before.
 */
function twoWritersMs({ requests, from, to }: RunEvidence): number {
  const ends = (region: string) =>
    requests
      .filter(isAcknowledgedWrite)
      .filter((request) => request.region === region)
      .map(({ endMs }) => endMs);
  const firstByNew = minimum(ends(to));
  const lastByOld = maximum(ends(from));
  return firstByNew === null || lastByOld === null ? 0 : Math.max(0, lastByOld - firstByNew);
}

export interface Holdover {
  readonly client: string;
  readonly resolver: string;
  /**
   * Time from the flip to the client's last request that entered by the old region; 0 when there
   * was none.
   */
  readonly ms: number;
  /**
   * True when the client's very last request still entered by the old region: `ms` is then a lower
   * bound.
   */
  readonly unfinished: boolean;
}

/** Returns one for each client that sent anything after the flip; empty without a flip. */
export function holdovers({ requests, flippedMs, from }: RunEvidence): readonly Holdover[] {
  if (flippedMs === null) return [];
  const byClient = new Map<
    string,
    { resolver: string; lastMs: number; lastOldMs: number | null }
  >();
  for (const { client, resolver, sentMs, entry } of requests) {
    if (sentMs < flippedMs) continue;
    const seen = byClient.get(client) ?? { resolver, lastMs: sentMs, lastOldMs: null };
    seen.lastMs = Math.max(sentMs, seen.lastMs);
    if (entry === from) seen.lastOldMs = Math.max(sentMs, seen.lastOldMs ?? sentMs);
    byClient.set(client, seen);
  }
  return [...byClient].map(([client, { resolver, lastMs, lastOldMs }]) => ({
    client,
    resolver,
    ms: lastOldMs === null ? 0 : lastOldMs - flippedMs,
    unfinished: lastOldMs === lastMs,
  }));
}

function holdoverQuantiles(evidence: RunEvidence): Figures['holdoverMs'] {
  const found = quantiles(holdovers(evidence).map(({ ms }) => ms));
  if (found === null) return null;
  const { p50, p95, max, count } = found;
  return { p50, p95, max, count };
}

/**
 * Returns the first moment at which clients may notice the run: the start of the first step that
 * affects the writer or the traffic.
 */
export function switchingSinceMs({ steps, firstActMs }: RunEvidence): number {
  const starts = steps.filter(({ name }) => switchingSteps.has(name)).map(({ startMs }) => startMs);
  return minimum(starts) ?? firstActMs;
}

function p99BeforeAndAfter(evidence: RunEvidence): Figures['p99Ms'] {
  const { requests, firstActMs } = evidence;
  const sinceMs = switchingSinceMs(evidence);
  const untilMs = sinceMs + waitOfLife(evidence, settlingLifeMs);
  const before = requests.filter(({ endMs }) => endMs <= firstActMs);
  const after = requests.filter(({ sentMs, endMs }) => endMs > sinceMs && sentMs < untilMs);
  return {
    before: quantiles(before.map(duration))?.p99 ?? null,
    after: quantiles(after.map(duration))?.p99 ?? null,
    countBefore: before.length,
    countAfter: after.length,
  };
}

const duration = ({ sentMs, endMs }: RequestRecord) => endMs - sentMs;

/** Returns the lag of the new region behind the old one, until the new one was promoted. */
function lagWhileActive(evidence: RunEvidence): number[] {
  const promotedMs = promotion(evidence)?.endMs ?? Number.POSITIVE_INFINITY;
  return evidence.lag.flatMap(({ atMs, lagMs }) =>
    lagMs !== null && atMs <= promotedMs ? [lagMs] : [],
  );
}

export interface Recovery {
  readonly labMs: number | null;
  readonly lifeMs: number | null;
  /** Life time that has certainly passed without recovery; `null` when recovery was seen. */
  readonly atLeastLifeMs: number | null;
}

/**
 * Returns the time from the first act to the start of the first 5 s in which the new region answers
 * at least 99 % correctly.
 */
export function recoveryOf(evidence: RunEvidence): Recovery {
  const { requests, firstActMs, to } = evidence;
  const survived = new Set(evidence.survivors.orderKeys);
  const watchedUntilMs = maximum(requests.map(({ sentMs }) => sentMs)) ?? firstActMs;
  const atMs = recoveredAtMs(requests, {
    sinceMs: firstActMs,
    watchedUntilMs,
    isCorrect: (request) =>
      request.region === to &&
      outcomeOf(request) === 'answered' &&
      !(isAcknowledgedWrite(request) && !survived.has(request.key)),
  });
  if (atMs === null) {
    // A later window would not have been seen to its end.
    const ruledOutMs = watchedUntilMs - recoveryWindowMs;
    const atLeastLifeMs = lifeBetween(evidence, firstActMs, ruledOutMs);
    return { labMs: null, lifeMs: null, atLeastLifeMs };
  }
  return {
    labMs: atMs - firstActMs,
    lifeMs: lifeBetween(evidence, firstActMs, atMs),
    atLeastLifeMs: null,
  };
}

/**
 * Returns the time from the sending of the first lost write to the acknowledgement of the last one,
 * life time; never 0 when one was lost.
 */
function lostSpanLifeMs(evidence: RunEvidence, lost: readonly RequestRecord[]): number {
  const firstMs = minimum(lost.map(({ sentMs }) => sentMs));
  const lastMs = maximum(lost.map(({ endMs }) => endMs));
  if (firstMs === null || lastMs === null) return 0;
  return Math.max(1, lifeBetween(evidence, firstMs, lastMs));
}

function objectiveRows(
  { objectives }: RunEvidence,
  rtoMs: number | null,
  rpoMs: number,
): Figures['objectives'] {
  const row = (name: 'rto' | 'rpo', valueMs: number | null, boundMs: number) =>
    ({ name, valueMs, boundMs, met: valueMs !== null && valueMs <= boundMs }) as const;
  return [row('rto', rtoMs, objectives.rtoMs), row('rpo', rpoMs, objectives.rpoMs)];
}

function firstSent(requests: readonly RequestRecord[]): number {
  return minimum(requests.map(({ sentMs }) => sentMs)) ?? 0;
}

function minimum(values: readonly number[]): number | null {
  return values.reduce<number | null>((low, v) => (low === null || v < low ? v : low), null);
}

function maximum(values: readonly number[]): number | null {
  return values.reduce<number | null>((high, v) => (high === null || v > high ? v : high), null);
}

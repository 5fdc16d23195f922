import { type FunctionMetrics, warmthOfRun } from '../functions/functions.ts';
import { type Clock, every, orNull, type Watching } from '../kernel/kernel.ts';
import { type EvidenceLog, type EvidenceSample, stepsOf } from '../records/records.ts';
import { promoted } from '../replication/replication.ts';
import type { RegionPorts } from '../runs/runs.ts';
import { journalOf, type RunState, type Store } from '../store/store.ts';
import type { LatencyPiece, LatencySpan } from '../traffic/traffic.ts';

/** Period that is examined after a run, and before it. */
const windowMinutes = 5;

/** A run that is still open is recorded after this time, because a door keeps half an hour. */
const longestWaitMinutes = 25;

/** Period of one of the provider's figures, ms. */
const providerMinuteMs = 60_000;

/**
 * Number of newest runs that may not be recorded yet: those since the last look, and some before.
 */
const runsLookedAt = 10;

export interface FiveMinuteWatch {
  readonly service: string;
  readonly regions: readonly Pick<RegionPorts, 'name' | 'functions' | 'counts' | 'metrics'>[];
  /** How long a minute of life time is here, ms: the pause between two looks. */
  readonly minuteMs: number;
  readonly store: Pick<Store, 'runs' | 'run'>;
  readonly evidence: EvidenceLog;
  /** Returns the cost of a run's warm-up so far, USD; `null`: not known. */
  readonly costOf: (records: RunState['records'], memoryMb: number) => number | null;
  readonly clock: Clock;
}

/**
 * Records, once per run that has moved traffic, the first five minutes after it by the minute, the
 * five minutes before it, and how long its functions took to be warm. Ends when the signal is
 * aborted. A door that does not answer and a minute without requests are left out.
 */
export async function watchFiveMinutes(watch: FiveMinuteWatch & Watching): Promise<void> {
  const written = new Set<string>();
  // An error costs a figure; the next look is soon.
  await every({ ...watch, pauseMs: watch.minuteMs }, () =>
    orNull(() => recordFiveMinutes(watch, written)),
  );
}

/** `written`: runs that are already recorded. */
export async function recordFiveMinutes(
  watch: FiveMinuteWatch,
  written: Set<string>,
): Promise<void> {
  const { store, service, evidence, clock, minuteMs } = watch;
  const runs = await store.runs({ service, limit: runsLookedAt });
  if (runs.every(({ runId }) => written.has(runId))) return;
  // This process may have restarted in between.
  for (const { runId } of await evidence.list('five-minutes', { limit: runsLookedAt })) {
    written.add(runId);
  }
  for (const summary of runs) {
    if (written.has(summary.runId)) continue;
    const run = await journalOf(store, summary.runId);
    if (run === null) continue;
    const beganWallMs = servedSince(run);
    if (beganWallMs === null) {
      if (run.endedWallMs !== null) written.add(run.runId);
      continue;
    }
    const sinceMs = clock.wallMs() - beganWallMs;
    const ended = run.endedWallMs !== null || sinceMs >= longestWaitMinutes * minuteMs;
    if (sinceMs < windowMinutes * minuteMs || !ended) continue;
    await evidence.add('five-minutes', [await fiveMinutesOf(watch, run, beganWallMs)]);
    written.add(run.runId);
    const warmUp = warmUpOf(run);
    if (warmUp !== null) await evidence.add('warm-up', [warmUp]);
  }
}

/**
 * Returns the time at which the new region began to answer: the promotion of its database or the
 * flip of the DNS, whichever came first.
 */
function servedSince(run: RunState): number | null {
  const { flippedMs } = stepsOf(run);
  if (flippedMs === null) return null;
  return Math.min(flippedMs, promoted.doneMs(run.records) ?? flippedMs);
}

async function fiveMinutesOf(
  watch: FiveMinuteWatch,
  run: RunState,
  beganWallMs: number,
): Promise<EvidenceSample<'five-minutes'>> {
  const { minuteMs, regions, clock } = watch;
  const of = (name: string) => regions.find((region) => region.name === name);
  const [from, to] = [of(run.from), of(run.to)];
  const windowMs = windowMinutes * minuteMs;
  const after = { sinceWallMs: beganWallMs, untilWallMs: beganWallMs + windowMs };
  const { firstActMs } = stepsOf(run);
  const before = { sinceWallMs: firstActMs - windowMs, untilWallMs: firstActMs };
  const seen = (region: typeof to, span: typeof after, widthMs: number) =>
    region === undefined ? [] : piecesOf(region, { ...span, widthMs }, clock);
  const [minutes, [whole], [baseline], facts] = await Promise.all([
    seen(to, after, minuteMs),
    seen(to, after, windowMs),
    seen(from, before, windowMs),
    to?.functions ? orNull(to.functions.facts) : null,
  ]);
  return {
    runId: run.runId,
    region: run.to,
    strategy: warmthOfRun(run.records).strategy,
    minutes: minutes.flatMap((piece, minute) => {
      const figures = figuresOf(piece);
      return figures === null ? [] : [{ minute, ...figures, coldStarts: piece.coldStarts }];
    }),
    whole: figuresOf(whole),
    baseline: figuresOf(baseline),
    costUsd: facts === null ? null : watch.costOf(run.records, facts.memoryMb),
  };
}

/**
 * Returns the counts of the region's door; if there is no door or it does not answer, those of the
 * provider.
 */
async function piecesOf(
  region: Pick<RegionPorts, 'counts' | 'metrics'>,
  span: LatencySpan,
  clock: Clock,
): Promise<readonly LatencyPiece[]> {
  const { counts, metrics } = region;
  const counted = counts === undefined ? null : await orNull(() => counts.latency(span));
  if (counted?.some(({ requests }) => requests > 0) || metrics === undefined) return counted ?? [];
  return (await orNull(() => fromMetrics(metrics, span, clock))) ?? [];
}

/**
 * Returns the provider's minutes as pieces. A longer piece has the worst p99 of its minutes and the
 * p50 of its busiest minute.
 */
async function fromMetrics(
  metrics: FunctionMetrics,
  { sinceWallMs, untilWallMs, widthMs }: LatencySpan,
  clock: Clock,
): Promise<readonly LatencyPiece[]> {
  const all = await metrics.minutes(clock.wallMs() - sinceWallMs + providerMinuteMs);
  const pieces: LatencyPiece[] = [];
  for (let fromWallMs = sinceWallMs; fromWallMs < untilWallMs; fromWallMs += widthMs) {
    const inside = all.filter(
      (minute) => minute.fromWallMs >= fromWallMs && minute.fromWallMs < fromWallMs + widthMs,
    );
    const busiest = [...inside].sort((a, b) => b.requests - a.requests)[0];
    const p99s = inside.flatMap(({ p99Ms }) => p99Ms ?? []);
    const sum = (of: (minute: (typeof inside)[number]) => number) =>
      inside.reduce((total, minute) => total + of(minute), 0);
    pieces.push({
      fromWallMs,
      requests: sum(({ requests }) => requests),
      failed: sum(({ errors }) => errors),
      coldStarts: null,
      meanMs: busiest?.meanMs ?? null,
      p50Ms: busiest?.p50Ms ?? null,
      p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    });
  }
  return pieces;
}

function figuresOf(piece: LatencyPiece | undefined) {
  if (piece === undefined || piece.requests === 0) return null;
  const { requests, failed, p50Ms, p99Ms } = piece;
  if (p50Ms === null || p99Ms === null) return null;
  return { requests, p50Ms, p99Ms, errorRate: Math.min(1, failed / requests) };
}

function warmUpOf(run: RunState): EvidenceSample<'warm-up'> | null {
  const { strategy, instances, readyMs, readyWallMs } = warmthOfRun(run.records);
  if (instances === null || readyMs === null || readyWallMs === null) return null;
  return { runId: run.runId, region: run.to, strategy, instances, readyMs, atWallMs: readyWallMs };
}

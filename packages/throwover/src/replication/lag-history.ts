import { bytesOf, type Position } from '@throwover/client';
import type { Sighting } from './exposure.ts';

/**
 * How far the standby was behind, minute by minute, for thirty days: quantiles with their count and
 * age, spikes kept. Pure; `throwover serve` samples and keeps it.
 *
 * Two measures. By heartbeat: PostgreSQL's own, from the standby's answers (`replay_lag`). By position:
 * the time since the primary was seen at the newest position that the standby has replayed by now; it
 * also grows when the standby answers nothing.
 */
export interface LagSample {
  readonly wallMs: number;
  /** `null`: not known. */
  readonly heartbeatMs: number | null;
  readonly positionMs: number | null;
  readonly bytes: number | null;
}

/** What one minute of one direction was like. `counts[i]`: samples of at most `bucketMs(i)`. */
export interface LagMinute {
  /** Start, wall ms. */
  readonly minuteMs: number;
  readonly heartbeat: Histogram;
  readonly position: Histogram;
  readonly maxBytes: number;
}

export interface Histogram {
  readonly counts: Readonly<Record<string, number>>;
  readonly maxMs: number;
  /** Samples that could not be taken. */
  readonly unknown: number;
}

/** Ratio of two bucket borders: a quantile is told at most this much too high, never too low. */
const step = 1.15;

const empty: Histogram = { counts: {}, maxMs: 0, unknown: 0 };

export function emptyMinute(minuteMs: number): LagMinute {
  return { minuteMs, heartbeat: empty, position: empty, maxBytes: 0 };
}

export const minuteOf = (wallMs: number): number => Math.floor(wallMs / 60_000) * 60_000;

export function addSample(minute: LagMinute, sample: LagSample): LagMinute {
  return {
    ...minute,
    heartbeat: add(minute.heartbeat, sample.heartbeatMs),
    position: add(minute.position, sample.positionMs),
    maxBytes: Math.max(minute.maxBytes, sample.bytes ?? 0),
  };
}

/** How long ago the primary stood where the standby is now, ms; 0 when it has everything; `null` when nobody saw. */
export function positionLagMs(options: {
  nowMs: number;
  primary: Position | null;
  replayed: Position | null;
  sightings: readonly Sighting[];
}): number | null {
  const { nowMs, primary, replayed, sightings } = options;
  if (replayed === null) return null;
  if (primary !== null && bytesOf(primary) <= bytesOf(replayed)) return 0;
  const covered = sightings.filter(({ position }) => bytesOf(position) <= bytesOf(replayed));
  if (covered.length === 0) return null;
  return Math.max(0, nowMs - Math.max(...covered.map(({ wallMs }) => wallMs)));
}

/** Quantiles of what was sampled. Milliseconds; upper bounds. */
export interface LagSummary {
  readonly count: number;
  readonly unknown: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** When the worst minute was. */
  readonly worstWallMs: number;
  /** Age of the oldest and of the newest minute, ms. */
  readonly spanMs: number;
  readonly ageMs: number;
  readonly maxBytes: number;
}

/** One direction of replication, over thirty days. */
export interface LagReport {
  readonly from: string;
  readonly to: string;
  readonly heartbeat: LagSummary | null;
  readonly position: LagSummary | null;
}

/** `null`: nothing was sampled, which is *unknown* and not zero. */
export function summarize(
  minutes: readonly LagMinute[],
  measure: 'heartbeat' | 'position',
  nowMs: number,
): LagSummary | null {
  const counts = new Map<number, number>();
  let unknown = 0;
  let worst: LagMinute | null = null;
  for (const minute of minutes) {
    const histogram = minute[measure];
    unknown += histogram.unknown;
    for (const [bucket, count] of Object.entries(histogram.counts)) {
      counts.set(Number(bucket), (counts.get(Number(bucket)) ?? 0) + count);
    }
    if (worst === null || histogram.maxMs > worst[measure].maxMs) worst = minute;
  }
  const count = [...counts.values()].reduce((all, one) => all + one, 0);
  if (count === 0 || worst === null) return null;
  const times = minutes.map(({ minuteMs }) => minuteMs);
  const max = worst[measure].maxMs;
  const at = (share: number) => Math.min(max, quantile(counts, count, share));
  return {
    count,
    unknown,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max,
    worstWallMs: worst.minuteMs,
    spanMs: nowMs - Math.min(...times),
    ageMs: nowMs - Math.max(...times),
    maxBytes: Math.max(...minutes.map(({ maxBytes }) => maxBytes)),
  };
}

function add(histogram: Histogram, ms: number | null): Histogram {
  if (ms === null) return { ...histogram, unknown: histogram.unknown + 1 };
  const bucket = bucketOf(ms);
  return {
    counts: { ...histogram.counts, [bucket]: (histogram.counts[bucket] ?? 0) + 1 },
    maxMs: Math.max(histogram.maxMs, ms),
    unknown: histogram.unknown,
  };
}

/** Everything up to a millisecond is one bucket. */
const bucketOf = (ms: number) => Math.max(0, Math.ceil(Math.log(Math.max(ms, 1)) / Math.log(step)));
const bucketMs = (bucket: number) => step ** bucket;

function quantile(counts: ReadonlyMap<number, number>, count: number, share: number): number {
  let seen = 0;
  for (const bucket of [...counts.keys()].sort((a, b) => a - b)) {
    seen += counts.get(bucket) ?? 0;
    if (seen >= share * count) return bucketMs(bucket);
  }
  return 0;
}

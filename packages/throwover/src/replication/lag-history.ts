import { bytesOf, type Position } from '@throwover/client';
import { QuantileSketch, type SketchJson } from '../kernel/kernel.ts';
import type { LagReport, LagSummary, Sighting } from './lag-calls.ts';

/**
 * How far the standby was behind over thirty days: quantiles with their count and age; spikes are
 * not averaged away. Pure; `throwover serve` takes the samples and stores them.
 *
 * `heartbeatMs`: PostgreSQL's own measure, from the standby's answers (`replay_lag`): the time that
 * a synchronous commit would wait. `lagMs`: the figure that `check`, a plan and `/metrics` show. It
 * is the heartbeat while the standby streams, and otherwise the time since the primary was seen at
 * the newest position that the standby has replayed. Without a primary there is no lag, and both
 * are unknown.
 */
export interface LagSample {
  readonly wallMs: number;
  /** `null`: not known. */
  readonly heartbeatMs: number | null;
  readonly lagMs: number | null;
  readonly bytes: number | null;
}

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** Start of the minute, hour or day (UTC) that contains a time. */
export const startOf = (wallMs: number, widthMs: number): number =>
  Math.floor(wallMs / widthMs) * widthMs;

/**
 * One measure over a period. Counts, maximum and times are exact; quantiles have an error of 1 %
 * (kernel/sketch.ts).
 */
export class Measure {
  readonly sketch: QuantileSketch;
  /** Number of samples that could not be taken. */
  unknown: number;
  #worst: { readonly ms: number; readonly wallMs: number } | null;
  /** Times of the oldest and newest known sample. */
  #firstWallMs: number;
  #lastWallMs: number;

  constructor({ sketch, unknown, worst, firstWallMs, lastWallMs }: MeasureJson = nothing) {
    this.sketch = QuantileSketch.of(sketch);
    this.unknown = unknown;
    this.#worst = worst;
    this.#firstWallMs = firstWallMs ?? Number.POSITIVE_INFINITY;
    this.#lastWallMs = lastWallMs ?? Number.NEGATIVE_INFINITY;
  }

  add(ms: number | null, wallMs: number): void {
    if (ms === null) {
      this.unknown += 1;
      return;
    }
    this.sketch.add(ms);
    this.#see({ ms, wallMs }, wallMs, wallMs);
  }

  merge(other: Measure): void {
    this.sketch.merge(other.sketch);
    this.unknown += other.unknown;
    if (other.#worst !== null) this.#see(other.#worst, other.#firstWallMs, other.#lastWallMs);
  }

  /** `null`: there are no samples, which is *unknown* and not zero. */
  summary(nowMs: number): Omit<LagSummary, 'maxBytes'> | null {
    const worst = this.#worst;
    if (worst === null) return null;
    // The middle of a bucket may be above the largest value in it.
    const at = (share: number) => Math.min(worst.ms, this.sketch.quantile(share) ?? 0);
    return {
      count: this.sketch.count,
      unknown: this.unknown,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: worst.ms,
      worstWallMs: worst.wallMs,
      // After a clock was set back, samples may be in the future: they count as new, not as having
      // a negative age.
      spanMs: Math.max(0, nowMs - this.#firstWallMs),
      ageMs: Math.max(0, nowMs - this.#lastWallMs),
    };
  }

  toJSON(): MeasureJson {
    const known = this.#worst !== null;
    return {
      sketch: this.sketch.toJSON(),
      unknown: this.unknown,
      worst: this.#worst,
      firstWallMs: known ? this.#firstWallMs : null,
      lastWallMs: known ? this.#lastWallMs : null,
    };
  }

  #see(worst: { ms: number; wallMs: number }, firstWallMs: number, lastWallMs: number): void {
    const known = this.#worst;
    // If two samples are equally bad, the earlier one counts, in whatever order periods are merged.
    const worse = known === null || worst.ms > known.ms;
    if (worse || (worst.ms === known.ms && worst.wallMs < known.wallMs)) this.#worst = worst;
    this.#firstWallMs = Math.min(this.#firstWallMs, firstWallMs);
    this.#lastWallMs = Math.max(this.#lastWallMs, lastWallMs);
  }
}

/** The lag in one period of one direction: a minute, an hour, a day, or all of them. */
export class LagSpan {
  readonly lag: Measure;
  readonly heartbeat: Measure;
  maxBytes: number;

  constructor(json?: LagSpanJson) {
    this.lag = new Measure(json?.lag);
    this.heartbeat = new Measure(json?.heartbeat);
    this.maxBytes = json?.maxBytes ?? 0;
  }

  add({ wallMs, lagMs, heartbeatMs, bytes }: LagSample): void {
    this.lag.add(lagMs, wallMs);
    this.heartbeat.add(heartbeatMs, wallMs);
    this.maxBytes = Math.max(this.maxBytes, bytes ?? 0);
  }

  merge(other: LagSpan): void {
    this.lag.merge(other.lag);
    this.heartbeat.merge(other.heartbeat);
    this.maxBytes = Math.max(this.maxBytes, other.maxBytes);
  }

  toJSON(): LagSpanJson {
    const { lag, heartbeat, maxBytes } = this;
    return { lag: lag.toJSON(), heartbeat: heartbeat.toJSON(), maxBytes };
  }

  /** Returns the figures of one direction, the same for every reader. */
  report(from: string, to: string, nowMs: number): LagReport {
    const of = (measure: Measure): LagSummary | null => {
      const summary = measure.summary(nowMs);
      return summary === null ? null : { ...summary, maxBytes: this.maxBytes };
    };
    return { from, to, lag: of(this.lag), heartbeat: of(this.heartbeat) };
  }
}

/** The stored form of a measure. */
export interface MeasureJson {
  readonly sketch: SketchJson;
  readonly unknown: number;
  readonly worst: { readonly ms: number; readonly wallMs: number } | null;
  readonly firstWallMs: number | null;
  readonly lastWallMs: number | null;
}

export interface LagSpanJson {
  readonly lag: MeasureJson;
  readonly heartbeat: MeasureJson;
  readonly maxBytes: number;
}

const nothing: MeasureJson = {
  sketch: [],
  unknown: 0,
  worst: null,
  firstWallMs: null,
  lastWallMs: null,
};

/**
 * A sighting of this process also has the monotonic time, so that a step of the wall clock does not
 * count as lag.
 */
export interface TimedSighting extends Sighting {
  /** `null`: another process saw it. */
  readonly monotonicMs: number | null;
}

/**
 * Returns how long ago the primary was at the position where the standby is now, ms; 0 if the
 * standby has everything; `null` if no sighting tells. `sightings`: oldest first.
 */
export function positionLagMs(options: {
  now: { readonly wallMs: number; readonly monotonicMs: number };
  primary: Position;
  replayed: Position | null;
  sightings: readonly TimedSighting[];
}): number | null {
  const { now, primary, replayed, sightings } = options;
  if (replayed === null) return null;
  const has = bytesOf(replayed);
  if (bytesOf(primary) <= has) return 0;
  const covered = sightings.findLast(({ position }) => bytesOf(position) <= has);
  if (covered === undefined) return null;
  const ms =
    covered.monotonicMs === null
      ? now.wallMs - covered.wallMs
      : now.monotonicMs - covered.monotonicMs;
  return Math.max(0, ms);
}

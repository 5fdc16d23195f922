import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../kernel/kernel.ts';
import {
  dayMs,
  hourMs,
  LagSpan,
  type MeasureJson,
  minuteMs,
  startOf,
} from '../replication/replication.ts';
import type { Direction, LagRows } from './lag-spans.ts';

/** Pause between two slices, ms: other work of the process comes first. */
const pauseMs = 5;

/** Pause before a failed slice is tried again, ms. */
const retryMs = 60_000;

export interface LagMigration {
  /** Resolves when no data of this service is left in the old form. */
  taken(service: string): Promise<void>;
  stop(): void;
}

/**
 * Migrates the data of versions before the sketches: a row for each minute of thirty days. It
 * migrates one day of one direction at a time, each in one transaction, while the process works: 50
 * services are 600 MB. If it is interrupted, nothing is lost, and the next start continues.
 *
 * The old minutes had buckets with a ratio of 1.15, so quantiles of that time are up to 15 % too
 * high, as they were before. Counts and maxima are exact; the time of the worst sample is known to
 * the minute.
 */
export function migrateMinutes(
  db: DatabaseSync,
  options: { rows: LagRows; clock: Clock; onTaken: (direction: Direction) => void },
): LagMigration {
  const { rows, clock, onTaken } = options;
  const exists = db.prepare(
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'minutes'",
  );
  if (exists.get() === undefined) return { taken: async () => {}, stop: () => {} };

  const left = directionsIn(db);
  const services = new Map(left.map(({ service }) => [service, Promise.withResolvers<void>()]));
  const stop = new AbortController();
  const carryOn = async () => {
    for (const [index, direction] of left.entries()) {
      while (takeDay(db, rows, direction, clock.wallMs())) {
        await clock.sleep(pauseMs, stop.signal);
      }
      onTaken(direction);
      const { service } = direction;
      if (!left.slice(index + 1).some((one) => one.service === service)) {
        services.get(service)?.resolve();
      }
    }
    db.exec('DROP TABLE minutes');
  };
  const untilDone = async () => {
    while (!stop.signal.aborted) {
      try {
        await carryOn();
        return;
      } catch {
        // For example a full disk: nothing is lost, and figures stay unknown until there is space.
        await clock.sleep(retryMs, stop.signal).catch(() => {});
      }
    }
  };
  void untilDone();
  return { taken: async (service) => services.get(service)?.promise, stop: () => stop.abort() };
}

/** Goes from one direction to the next by the index, because reading every row takes seconds. */
function directionsIn(db: DatabaseSync): readonly Direction[] {
  const next = db.prepare(
    `SELECT service, source, target FROM minutes WHERE (service, source, target) > (?, ?, ?)
     ORDER BY service, source, target LIMIT 1`,
  );
  const found: Direction[] = [];
  for (let last: Direction = { service: '', from: '', to: '' }; ; last = found.at(-1) ?? last) {
    const row = next.get(last.service, last.from, last.to);
    if (row === undefined) return found;
    const { service, source, target } = row;
    found.push({ service: String(service), from: String(source), to: String(target) });
  }
}

/** Migrates the oldest day of a direction; returns `false` if there is none. */
function takeDay(db: DatabaseSync, rows: LagRows, direction: Direction, nowMs: number): boolean {
  const { service, from, to } = direction;
  const own = 'service = ? AND source = ? AND target = ?';
  const oldest = db.prepare(`SELECT min(minute) AS oldest FROM minutes WHERE ${own}`);
  const first = oldest.get(service, from, to)?.['oldest'];
  if (typeof first !== 'number') return false;
  const day = startOf(first, dayMs);
  const until = day + dayMs;
  const minutes = db
    .prepare(`SELECT body FROM minutes WHERE ${own} AND minute < ?`)
    .all(service, from, to, until)
    .map(({ body }) => JSON.parse(String(body)) as OldMinute);
  rows.atOnce(() => {
    for (const [startMs, parts] of Map.groupBy(minutes, (one) => startOf(one.minuteMs, hourMs))) {
      const span = new LagSpan();
      for (const part of parts) span.merge(spanOf(part));
      rows.merge(direction, { widthMs: hourMs, startMs }, span);
    }
    rows.rollUp(direction, nowMs);
    db.prepare(`DELETE FROM minutes WHERE ${own} AND minute < ?`).run(service, from, to, until);
  });
  return true;
}

/** `counts[i]`: number of samples of at most 1.15 to the power of `i` ms. */
interface OldHistogram {
  readonly counts: Readonly<Record<string, number>>;
  readonly maxMs: number;
  readonly unknown: number;
}

interface OldMinute {
  readonly minuteMs: number;
  readonly heartbeat: OldHistogram;
  readonly position: OldHistogram;
  readonly maxBytes: number;
}

const oldRatio = 1.15;

/** Earlier versions showed the lag by position. */
function spanOf({ minuteMs: startMs, heartbeat, position, maxBytes }: OldMinute): LagSpan {
  const span = new LagSpan({
    lag: measureOf(position, startMs),
    heartbeat: measureOf(heartbeat, startMs),
    maxBytes,
  });
  for (const [measure, histogram] of [
    [span.lag, position],
    [span.heartbeat, heartbeat],
  ] as const) {
    for (const [bucket, count] of Object.entries(histogram.counts)) {
      measure.sketch.add(Math.min(histogram.maxMs, oldRatio ** Number(bucket)), count);
    }
  }
  return span;
}

function measureOf({ counts, maxMs, unknown }: OldHistogram, startMs: number): MeasureJson {
  const known = Object.keys(counts).length > 0;
  return {
    sketch: [],
    unknown,
    worst: known ? { ms: maxMs, wallMs: startMs } : null,
    firstWallMs: known ? startMs : null,
    // The newest sample of a minute may be at its end.
    lastWallMs: known ? startMs + minuteMs : null,
  };
}

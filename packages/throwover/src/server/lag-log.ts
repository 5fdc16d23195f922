import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Position } from '@throwover/client';
import type { Clock } from '../kernel/kernel.ts';
import { openPrivately } from '../kernel/private-database.ts';
import type { LagReport, LagSample, Sighting, TimedSighting } from '../replication/replication.ts';
import { migrateMinutes } from './lag-migration.ts';
import { type Direction, DirectionLag, LagRows } from './lag-spans.ts';

/**
 * Number of sightings that are kept for a region: ten minutes with one per second, longer than any
 * loss bound.
 */
const maxSightings = 600;

/**
 * Lag of thirty days and the newest sightings of each primary, in one SQLite file beside the
 * store's, answered from memory.
 *
 * No other data depends on it: if it is lost, only figures are lost. So it is not synced at each
 * write, and a damaged file does not affect the store. A minute is written once, when it has passed
 * or when the log is closed: after an abrupt end at most the samples of the current minute are
 * lost.
 */
export interface LagLog {
  sample(direction: Direction, sample: LagSample): void;
  see(service: string, region: string, sighting: Sighting): void;
  /**
   * Returns each direction that was sampled in thirty days. Waits until the data of an older
   * version is migrated.
   */
  reports(service: string): Promise<readonly LagReport[]>;
  /** Newest first. */
  sightings(service: string, region: string): readonly Sighting[];
  /** Returns the sightings oldest first, each with its monotonic time if this process saw it. */
  timedSightings(service: string, region: string): readonly TimedSighting[];
  close(): void;
}

export function openLagLog(dataDir: string, clock: Clock): LagLog {
  const db = openPrivately(join(dataDir, 'lag.sqlite'));
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS sightings (
      service TEXT NOT NULL, region TEXT NOT NULL, wall_ms REAL NOT NULL, position TEXT NOT NULL,
      seen_by TEXT NOT NULL, PRIMARY KEY (service, region, wall_ms)
    ) STRICT, WITHOUT ROWID;`);
  const rows = new LagRows(db);
  const sightings = keptSightings(db, clock);
  const inMemory = new Map<string, DirectionLag[]>();
  const read = new Set<string>();
  const lagOf = (direction: Direction): DirectionLag => {
    const own = inMemory.get(direction.service) ?? [];
    inMemory.set(direction.service, own);
    const { from, to } = direction;
    const known = own.find((lag) => lag.direction.from === from && lag.direction.to === to);
    if (known !== undefined) return known;
    const lag = new DirectionLag(direction, rows);
    own.push(lag);
    return lag;
  };
  const migration = migrateMinutes(db, { rows, clock, onTaken: (one) => lagOf(one).forget() });
  return {
    sample: (direction, sample) => {
      lagOf(direction).add(sample);
      // A direction that is no longer sampled, after a switchover, has its last minute written too.
      for (const lag of inMemory.get(direction.service) ?? []) lag.settle(sample.wallMs);
    },
    reports: async (service) => {
      await migration.taken(service);
      const nowMs = clock.wallMs();
      // Read once: from then on only this process adds a direction.
      if (!read.has(service)) {
        for (const direction of rows.directions(service)) lagOf(direction);
        if (inMemory.has(service)) read.add(service);
      }
      return (inMemory.get(service) ?? [])
        .map((lag) => lag.report(nowMs))
        .filter(({ lag, heartbeat }) => lag !== null || heartbeat !== null);
    },
    ...sightings,
    close: () => {
      migration.stop();
      for (const lag of [...inMemory.values()].flat()) lag.flush();
      db.close();
    },
  };
}

/**
 * Sightings on disk and in memory. Every sighting is written at once, because a failover computes
 * its loss from the newest. They are read from disk once.
 */
function keptSightings(
  db: DatabaseSync,
  clock: Clock,
): Pick<LagLog, 'see' | 'sightings' | 'timedSightings'> {
  const insert = db.prepare(
    'INSERT OR REPLACE INTO sightings (service, region, wall_ms, position, seen_by) VALUES (?, ?, ?, ?, ?)',
  );
  const select = db.prepare(
    `SELECT wall_ms, position, seen_by FROM sightings WHERE service = ? AND region = ?
     ORDER BY wall_ms DESC LIMIT ${maxSightings}`,
  );
  const trim = db.prepare('DELETE FROM sightings WHERE service = ? AND region = ? AND wall_ms < ?');
  const kept = new Map<string, TimedSighting[]>();
  const keyOf = (service: string, region: string) => JSON.stringify([service, region]);
  const of = (service: string, region: string): TimedSighting[] => {
    const known = kept.get(keyOf(service, region));
    if (known !== undefined) return known;
    const read = select.all(service, region).map(({ wall_ms, position, seen_by }) => ({
      wallMs: Number(wall_ms),
      position: String(position) as Position,
      by: String(seen_by),
      monotonicMs: null,
    }));
    return read.reverse();
  };
  const byTime = (service: string, region: string) =>
    of(service, region).toSorted((a, b) => b.wallMs - a.wallMs);
  return {
    see: (service, region, { wallMs, position, by }) => {
      const own = of(service, region);
      kept.set(keyOf(service, region), own);
      insert.run(service, region, wallMs, position, by);
      own.push({ wallMs, position, by, monotonicMs: clock.monotonicMs() });
      if (own.length < 2 * maxSightings) return;
      own.splice(0, own.length - maxSightings);
      trim.run(service, region, Math.min(...own.map((one) => one.wallMs)));
    },
    sightings: (service, region) =>
      byTime(service, region)
        .slice(0, maxSightings)
        .map(({ wallMs, position, by }) => ({ wallMs, position, by })),
    timedSightings: of,
  };
}

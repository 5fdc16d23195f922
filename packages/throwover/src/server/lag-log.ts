import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Position } from '@throwover/client';
import type { Sighting } from '../replication/exposure.ts';
import {
  addSample,
  emptyMinute,
  type LagMinute,
  type LagSample,
  minuteOf,
} from '../replication/lag-history.ts';

/** How long minutes are kept, ms: a plan and `check` show the worst of 30 days. */
export const lagKeptMs = 30 * 86_400_000;

/** Sightings that are kept for a region: ten minutes of one a second, more than any bound on loss. */
const maxSightings = 600;

/** One direction of replication. */
export interface Direction {
  readonly service: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Lag by the minute and the newest sightings of each primary, in one SQLite file beside the store's.
 *
 * Not the truth of anything: losing it loses figures. So it is not synced at each write, and a damaged
 * one is the store's neighbour's problem, not the store's.
 */
export interface LagLog {
  sample(direction: Direction, sample: LagSample): void;
  see(service: string, region: string, sighting: Sighting): void;
  minutes(direction: Direction): readonly LagMinute[];
  directions(service: string): readonly Direction[];
  /** Newest first. */
  sightings(service: string, region: string): readonly Sighting[];
  close(): void;
}

export function openLagLog(dataDir: string): LagLog {
  const db = new DatabaseSync(join(dataDir, 'lag.sqlite'));
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS minutes (
      service TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, minute INTEGER NOT NULL,
      body TEXT NOT NULL, PRIMARY KEY (service, source, target, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sightings (
      service TEXT NOT NULL, region TEXT NOT NULL, wall_ms REAL NOT NULL, position TEXT NOT NULL,
      seen_by TEXT NOT NULL, PRIMARY KEY (service, region, wall_ms)
    ) STRICT, WITHOUT ROWID;`);
  const read = db.prepare(
    'SELECT body FROM minutes WHERE service = ? AND source = ? AND target = ? AND minute = ?',
  );
  const write = db.prepare(
    'INSERT OR REPLACE INTO minutes (service, source, target, minute, body) VALUES (?, ?, ?, ?, ?)',
  );
  const forget = db.prepare('DELETE FROM minutes WHERE minute < ?');
  const all = db.prepare(
    'SELECT body FROM minutes WHERE service = ? AND source = ? AND target = ? ORDER BY minute',
  );
  const pairs = db.prepare('SELECT DISTINCT source, target FROM minutes WHERE service = ?');
  const see = db.prepare(
    'INSERT OR REPLACE INTO sightings (service, region, wall_ms, position, seen_by) VALUES (?, ?, ?, ?, ?)',
  );
  const trim = db.prepare(
    `DELETE FROM sightings WHERE service = ?1 AND region = ?2 AND wall_ms <
       (SELECT min(wall_ms) FROM (SELECT wall_ms FROM sightings
        WHERE service = ?1 AND region = ?2 ORDER BY wall_ms DESC LIMIT ${maxSightings}))`,
  );
  const seen = db.prepare(
    'SELECT wall_ms, position, seen_by FROM sightings WHERE service = ? AND region = ? ORDER BY wall_ms DESC',
  );
  const minuteIn = ({ body }: Record<string, unknown>) => JSON.parse(String(body)) as LagMinute;
  return {
    sample: ({ service, from, to }, sample) => {
      const minute = minuteOf(sample.wallMs);
      const row = read.get(service, from, to, minute);
      const before = row === undefined ? emptyMinute(minute) : minuteIn(row);
      write.run(service, from, to, minute, JSON.stringify(addSample(before, sample)));
      if (row === undefined) forget.run(minute - lagKeptMs);
    },
    see: (service, region, { wallMs, position, by }) => {
      see.run(service, region, wallMs, position, by);
      trim.run(service, region);
    },
    minutes: ({ service, from, to }) => all.all(service, from, to).map(minuteIn),
    directions: (service) =>
      pairs.all(service).map(({ source, target }) => ({
        service,
        from: String(source),
        to: String(target),
      })),
    sightings: (service, region) =>
      seen.all(service, region).map(({ wall_ms, position, seen_by }) => ({
        wallMs: Number(wall_ms),
        position: String(position) as Position,
        by: String(seen_by),
      })),
    close: () => db.close(),
  };
}

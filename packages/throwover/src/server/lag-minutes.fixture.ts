import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Writes `lag.sqlite` as versions before the sketches did: their schema, and their rows byte for
 * byte, one sample per second. `lagMs` gives each sample; `null`: it could not be taken.
 */
export function writeOldMinutes(
  dataDir: string,
  options: {
    service: string;
    from: string;
    to: string;
    sinceMs: number;
    untilMs: number;
    lagMs: (wallMs: number) => number | null;
  },
): void {
  const { service, from, to, sinceMs, untilMs, lagMs } = options;
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
    ) STRICT, WITHOUT ROWID;
    BEGIN;`);
  const insert = db.prepare(
    'INSERT INTO minutes (service, source, target, minute, body) VALUES (?, ?, ?, ?, ?)',
  );
  for (let minuteMs = sinceMs; minuteMs < untilMs; minuteMs += 60_000) {
    const counts: Record<string, number> = {};
    let maxMs = 0;
    let unknown = 0;
    for (let second = 0; second < 60; second++) {
      const ms = lagMs(minuteMs + second * 1_000);
      if (ms === null) {
        unknown += 1;
        continue;
      }
      const bucket = Math.max(0, Math.ceil(Math.log(Math.max(ms, 1)) / Math.log(1.15)));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      maxMs = Math.max(maxMs, ms);
    }
    const histogram = { counts, maxMs, unknown };
    const body = { minuteMs, heartbeat: histogram, position: histogram, maxBytes: 4_096 };
    insert.run(service, from, to, minuteMs, JSON.stringify(body));
  }
  db.exec('COMMIT');
  db.close();
}

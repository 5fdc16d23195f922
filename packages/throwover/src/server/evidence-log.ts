import { join } from 'node:path';
import { openPrivately } from '../kernel/private-database.ts';
import {
  type EvidenceKind,
  type EvidenceSample,
  evidenceSamples,
  maxSamplesACall,
  type SampleQuery,
  wallMsOf,
} from '../records/records.ts';

/**
 * How long a sample is kept, ms: a year of runs with its seasons, and a month more to look back at
 * them.
 */
export const evidenceKeptMs = 400 * 86_400_000;

/**
 * Most samples of one kind that are kept for a service: a month of beacons by the minute from
 * twenty networks.
 */
const maxSamplesOfAKind = 1_000_000;

/** A time after every sample, ms: a query without an end. */
const maxWallMs = Number.MAX_VALUE;

/** Rows beyond the limits are searched once in this many writes, because that scans an index. */
const trimEvery = 256;

/**
 * The measurements for the forecast, in one SQLite file beside the store's; rows are only ever
 * added.
 *
 * No other data depends on it: if it is lost, a forecast is *unknown* until the figures have been
 * measured again. So it is not synced at each write. `list` is newest first.
 */
export interface EvidenceStore {
  add<K extends EvidenceKind>(
    service: string,
    kind: K,
    samples: readonly EvidenceSample<K>[],
    nowWallMs: number,
  ): void;
  list<K extends EvidenceKind>(
    service: string,
    kind: K,
    options?: SampleQuery,
  ): readonly EvidenceSample<K>[];
  close(): void;
}

export function openEvidenceLog(
  dataDir: string,
  bounds: { maxSamples: number; keptMs: number } = {
    maxSamples: maxSamplesOfAKind,
    keptMs: evidenceKeptMs,
  },
): EvidenceStore {
  const db = openPrivately(join(dataDir, 'evidence.sqlite'));
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS samples (
      id INTEGER PRIMARY KEY, service TEXT NOT NULL, kind TEXT NOT NULL, wall_ms REAL NOT NULL,
      body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS samples_in_time ON samples (service, kind, wall_ms, id);`);
  const insert = db.prepare(
    'INSERT INTO samples (service, kind, wall_ms, body) VALUES (?, ?, ?, ?)',
  );
  const select = db.prepare(
    `SELECT body FROM samples WHERE service = ? AND kind = ? AND wall_ms >= ? AND wall_ms < ?
     ORDER BY wall_ms DESC, id DESC LIMIT ? OFFSET ?`,
  );
  const forget = db.prepare('DELETE FROM samples WHERE service = ? AND kind = ? AND wall_ms < ?');
  const trim = db.prepare(
    `DELETE FROM samples WHERE service = ?1 AND kind = ?2 AND wall_ms <=
       (SELECT wall_ms FROM samples WHERE service = ?1 AND kind = ?2
        ORDER BY wall_ms DESC, id DESC LIMIT 1 OFFSET ?3)`,
  );
  const writes = new Map<string, number>();
  return {
    add: (service, kind, samples, nowWallMs) => {
      db.exec('BEGIN');
      try {
        for (const sample of samples) {
          insert.run(service, kind, wallMsOf(sample) ?? nowWallMs, JSON.stringify(sample));
        }
        const key = `${kind} ${service}`;
        const written = (writes.get(key) ?? 0) + samples.length;
        if (written >= trimEvery || !writes.has(key)) {
          forget.run(service, kind, nowWallMs - bounds.keptMs);
          trim.run(service, kind, bounds.maxSamples);
        }
        writes.set(key, written >= trimEvery ? 0 : written);
        db.exec('COMMIT');
      } catch (error) {
        db.exec('ROLLBACK');
        throw error;
      }
    },
    list: (
      service,
      kind,
      { sinceWallMs = 0, untilWallMs = maxWallMs, limit = maxSamplesACall, skip = 0 } = {},
    ) =>
      select.all(service, kind, sinceWallMs, untilWallMs, limit, skip).flatMap(({ body }) => {
        // A row of another version that no longer matches the schema is left out.
        const sample = evidenceSamples[kind].safeParse(JSON.parse(String(body)));
        return sample.success ? [sample.data as EvidenceSample<typeof kind>] : [];
      }),
    close: () => db.close(),
  };
}

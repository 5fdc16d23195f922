import { join } from 'node:path';
import { openPrivately } from '../kernel/private-database.ts';
import {
  type LoggedRecord,
  loggedRecord,
  maxRecordsACall,
  type RecordKind,
} from '../records/records.ts';

/**
 * The records of what people did and said, of all services, in one SQLite file beside the store's.
 * Rows are only ever added, and synced before they are acknowledged, because no other place knows
 * that a person has done it.
 */
export interface RecordStore {
  append(
    service: string,
    kind: RecordKind,
    given: { readonly by: string; readonly body: Readonly<Record<string, unknown>> },
    nowWallMs: number,
  ): LoggedRecord;
  /** Oldest first, at most `limit`. */
  list(
    service: string,
    kind: RecordKind,
    options?: { sinceSeq?: number | undefined; limit?: number | undefined },
  ): readonly LoggedRecord[];
  close(): void;
}

export function openRecordLog(dataDir: string): RecordStore {
  const db = openPrivately(join(dataDir, 'records.sqlite'));
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS records (
      service TEXT NOT NULL, seq INTEGER NOT NULL, at_wall_ms REAL NOT NULL, kind TEXT NOT NULL,
      by TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (service, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS records_of_a_kind ON records (service, kind, seq);`);
  const insert = db.prepare(
    `INSERT INTO records (service, seq, at_wall_ms, kind, by, body)
     VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM records WHERE service = ?1), ?2, ?3, ?4, ?5)
     RETURNING *`,
  );
  const select = db.prepare(
    'SELECT * FROM records WHERE service = ? AND kind = ? AND seq > ? ORDER BY seq LIMIT ?',
  );
  return {
    append: (service, kind, { by, body }, nowWallMs) =>
      recordOf(insert.get(service, nowWallMs, kind, by, JSON.stringify(body))),
    list: (service, kind, { sinceSeq = 0, limit = maxRecordsACall } = {}) =>
      select.all(service, kind, sinceSeq, limit).map(recordOf),
    close: () => db.close(),
  };
}

function recordOf(row: Readonly<Record<string, unknown>> | undefined): LoggedRecord {
  const { at_wall_ms: atWallMs, body, ...rest } = row ?? {};
  return loggedRecord.parse({ ...rest, atWallMs, body: JSON.parse(String(body)) });
}

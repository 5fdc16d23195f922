import type { DatabaseSync } from 'node:sqlite';
import { sqliteCodeOf, sqliteCodes } from '../kernel/kernel.ts';
import { openPrivately } from '../kernel/private-database.ts';
import { webhookErrors } from './errors.ts';

const SCHEMA_VERSION = 2;
const PAGE_BYTES = 4_096;

/**
 * `body` is kept as it was signed. The partial indexes keep the search for work independent of the
 * number of delivered events. AUTOINCREMENT: a seq is never reused after pruning.
 */
const schema = `
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  content_type TEXT,
  signature TEXT,
  body BLOB NOT NULL,
  received_ms REAL NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  refusals INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  ended_ms REAL,
  region TEXT,
  epoch INTEGER,
  position TEXT,
  UNIQUE (source, id)
) STRICT;
CREATE INDEX events_pending ON events (source, seq) WHERE state = 'pending';
CREATE INDEX events_oldest ON events (received_ms) WHERE state = 'pending';
CREATE INDEX events_delivered ON events (ended_ms) WHERE state = 'delivered';
CREATE TABLE mode (only INTEGER PRIMARY KEY CHECK (only = 1), mode TEXT NOT NULL, token INTEGER NOT NULL) STRICT;
PRAGMA user_version = 1;
`;

/**
 * Version 2: events that are delivered again after a lossy failover, and the runs that asked for
 * it. From then on a gateway of version 1 refuses the file.
 */
const toVersion2 = `
ALTER TABLE events ADD COLUMN redelivery INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_refused ON events (seq) WHERE state = 'pending' AND refusals > 0;
CREATE INDEX events_again ON events (seq) WHERE state = 'pending' AND redelivery > 0;
CREATE TABLE redeliveries (key TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT;
PRAGMA user_version = 2;
`;

/**
 * Opens a database for this process only. Exclusive locking refuses a second gateway on the same
 * journal; the operating system frees the lock when the process dies.
 */
export function openDatabase(path: string, maxBytes: number): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = openPrivately(path);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    db.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / PAGE_BYTES)}`);
    db.exec('BEGIN IMMEDIATE');
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > SCHEMA_VERSION)
      throw new Error(`it has version ${version}, this program knows ${SCHEMA_VERSION}`);
    if (version === 0) db.exec(schema);
    if (version < 2) db.exec(toVersion2);
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db?.close();
    const message = error instanceof Error ? error.message : String(error);
    const result = sqliteCodeOf(error);
    const inUse = result === sqliteCodes.busy || result === sqliteCodes.locked;
    const code = inUse ? 'gateway-journal-in-use' : 'gateway-journal-unusable';
    throw webhookErrors.make(code, `${path}: ${message}`, { path }, error);
  }
}

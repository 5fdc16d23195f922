import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openPrivately } from '../../kernel/private-database.ts';
import { storeErrors } from '../errors.ts';
import { storeFailure } from './failures.ts';

const fileName = 'throwover.sqlite';

const pageBytes = 4_096;

/**
 * One entry per schema version, in order; an entry that was released is never changed.
 *
 * A file of any version from 1 on is migrated when it is opened, in one transaction. There is no
 * way back: an older throwover refuses the file (`store-too-new`). To keep a way back, copy the
 * directory before.
 *
 * `runs.last_seq` and `last_hash` are the end of the run's journal, so that a missing tail is found
 * too.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE services (
    name TEXT PRIMARY KEY,
    regions TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    active TEXT NOT NULL,
    token INTEGER NOT NULL,
    open_run TEXT
  ) STRICT;
  CREATE TABLE epochs (
    service TEXT NOT NULL REFERENCES services (name),
    epoch INTEGER NOT NULL,
    active TEXT NOT NULL,
    run_id TEXT,
    opened_wall_ms REAL NOT NULL,
    PRIMARY KEY (service, epoch)
  ) STRICT;
  CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL REFERENCES services (name),
    kind TEXT NOT NULL,
    from_region TEXT NOT NULL,
    to_region TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    plan_digest TEXT NOT NULL,
    plan TEXT NOT NULL,
    owner TEXT NOT NULL,
    token INTEGER NOT NULL,
    status TEXT NOT NULL,
    started_wall_ms REAL NOT NULL,
    ended_wall_ms REAL,
    lease_ms REAL NOT NULL,
    last_seq INTEGER NOT NULL,
    last_hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_of_service ON runs (service, number);
  CREATE TABLE records (
    run_id TEXT NOT NULL REFERENCES runs (id),
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
  ) STRICT;
  `,
  // Earlier versions did not record how an epoch was opened: it is the kind of the run that opened
  // it.
  `
  ALTER TABLE services ADD COLUMN sync TEXT;
  ALTER TABLE services ADD COLUMN stopped_epoch INTEGER;
  ALTER TABLE services ADD COLUMN restored_token INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE services ADD COLUMN ledger_bytes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE epochs ADD COLUMN opened_by TEXT NOT NULL DEFAULT 'registered';
  UPDATE epochs SET opened_by = (SELECT kind FROM runs WHERE id = run_id) WHERE run_id IS NOT NULL;
  CREATE TABLE halts (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE losses (
    service TEXT NOT NULL REFERENCES services (name),
    id TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs (id),
    commit_position TEXT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    resolution TEXT,
    PRIMARY KEY (service, id)
  ) STRICT;
  CREATE INDEX losses_in_order ON losses (service, commit_position, number, id);
  CREATE INDEX losses_of_run ON losses (run_id, commit_position, number, id);
  `,
  // A run that was ended because it is damaged keeps its row and its journal as they are.
  `
  CREATE TABLE endings (
    run_id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    token INTEGER NOT NULL,
    ended_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    damage TEXT NOT NULL,
    wall_ms REAL NOT NULL
  ) STRICT;
  `,
];

/**
 * Opens the store's database, which only this process may use: the lock refuses a second `throwover
 * serve` on the same directory, and the operating system frees it when the process dies.
 *
 * WAL with synchronous=FULL: a commit that returned is on disk.
 */
export function openDatabase(dataDir: string, maxBytes: number): DatabaseSync {
  const path = join(dataDir, fileName);
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true });
    db = openPrivately(path);
    db.exec(`PRAGMA page_size = ${pageBytes}`);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    db.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pageBytes)}`);
    migrate(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw storeFailure(error, path, 'opening');
  }
}

function migrate(db: DatabaseSync, path: string): void {
  db.exec('BEGIN IMMEDIATE');
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > migrations.length) {
    throw storeErrors.make(
      'store-too-new',
      `${path} has schema version ${version}, this throwover knows ${migrations.length}`,
      { path, version, known: migrations.length },
    );
  }
  for (const migration of migrations.slice(version)) db.exec(migration);
  db.exec(`PRAGMA user_version = ${migrations.length}`);
  db.exec('COMMIT');
}

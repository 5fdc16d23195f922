import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { canonicalJson } from '../../kernel/kernel.ts';
import { plannedRun } from '../plan.fixture.ts';
import type { JournalRecord } from '../shapes.ts';
import { nextHash, rootHash } from './chain.ts';

/** The schema of version 1, word for word as it was released. */
const schema = `
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
`;

export const oldRun = 'run_06f3k2v8q0-7hx2kd9m';

/** A store of version 1 in which `oldRun`, a flip-only of checkout with token 3, has opened epoch 2 and not ended. */
export function writeVersion1(dataDir: string, records: readonly JournalRecord[]): void {
  const planned = plannedRun({ kind: 'flip-only' });
  const { planDigest } = planned;
  const plan = canonicalJson(planned.plan);
  mkdirSync(dataDir, { recursive: true });
  const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
  db.exec('PRAGMA journal_mode = WAL');
  db.exec(schema);
  db.exec(`
    INSERT INTO services VALUES ('checkout', '["east","west"]', 2, 'west', 3, '${oldRun}'),
      ('search', '["east","west"]', 1, 'east', 0, NULL);
    INSERT INTO epochs VALUES ('checkout', 1, 'east', NULL, 1767225600000.5),
      ('checkout', 2, 'west', '${oldRun}', 1767225600001), ('search', 1, 'east', NULL, 1767225600000);
    INSERT INTO runs (id, service, kind, from_region, to_region, epoch, plan_digest, plan, owner,
      token, status, started_wall_ms, lease_ms, last_seq, last_hash)
      VALUES ('${oldRun}', 'checkout', 'flip-only', 'east', 'west', 1, '${planDigest}', '${plan}',
      'alice', 3, 'running', 1767225600000.25, 15000, 0, '')`);
  let hash = rootHash(oldRun, plan);
  for (const record of records) {
    const body = canonicalJson(record);
    hash = nextHash(hash, body);
    db.prepare('INSERT INTO records VALUES (?, ?, ?, ?)').run(oldRun, record.seq, body, hash);
  }
  db.prepare('UPDATE runs SET last_seq = ?, last_hash = ?').run(records.length, hash);
  db.exec('PRAGMA user_version = 1');
  db.close();
}

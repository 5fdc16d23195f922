import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { RunStatus, RunSummary, ServiceState } from '../store.ts';
import type { ChainedRow } from './chain.ts';

export type Row = Record<string, SQLOutputValue>;

export interface ServiceRow {
  readonly state: ServiceState;
  readonly token: number;
}

export interface RunRow {
  readonly summary: RunSummary;
  readonly plan: string;
  readonly leaseMs: number;
  readonly lastSeq: number;
  readonly lastHash: string;
}

/** Every statement of the store, prepared once. */
export function prepare(db: DatabaseSync) {
  return {
    service: db.prepare('SELECT * FROM services WHERE name = ?'),
    addService: db.prepare(
      'INSERT INTO services (name, regions, epoch, active, token) VALUES (?, ?, ?, ?, 0)',
    ),
    setRegions: db.prepare('UPDATE services SET regions = ? WHERE name = ?'),
    setOpenRun: db.prepare('UPDATE services SET open_run = ? WHERE name = ?'),
    nextToken: db.prepare('UPDATE services SET token = token + 1 WHERE name = ? RETURNING token'),
    setEpoch: db.prepare('UPDATE services SET epoch = ?, active = ? WHERE name = ?'),
    addEpoch: db.prepare(
      'INSERT INTO epochs (service, epoch, active, run_id, opened_wall_ms) VALUES (?, ?, ?, ?, ?)',
    ),
    epoch: db.prepare('SELECT run_id FROM epochs WHERE service = ? AND epoch = ?'),
    run: db.prepare('SELECT * FROM runs WHERE id = ?'),
    openRuns: db.prepare("SELECT id, lease_ms FROM runs WHERE status = 'running'"),
    runs: db.prepare(
      'SELECT * FROM runs WHERE ? IS NULL OR service = ? ORDER BY number DESC LIMIT ?',
    ),
    addRun: db.prepare(
      `INSERT INTO runs (id, service, kind, from_region, to_region, epoch, plan_digest, plan, owner,
       token, status, started_wall_ms, lease_ms, last_seq, last_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, 0, ?)`,
    ),
    takeRun: db.prepare('UPDATE runs SET owner = ?, token = ?, lease_ms = ? WHERE id = ?'),
    endRun: db.prepare('UPDATE runs SET status = ?, ended_wall_ms = ? WHERE id = ?'),
    grow: db.prepare('UPDATE runs SET last_seq = ?, last_hash = ? WHERE id = ?'),
    addRecord: db.prepare('INSERT INTO records (run_id, seq, body, hash) VALUES (?, ?, ?, ?)'),
    record: db.prepare('SELECT body FROM records WHERE run_id = ? AND seq = ?'),
    records: db.prepare('SELECT seq, body, hash FROM records WHERE run_id = ? ORDER BY seq'),
  };
}

export function serviceRow(row: Row): ServiceRow {
  const openRun = row['open_run'];
  return {
    state: {
      name: String(row['name']),
      regions: JSON.parse(String(row['regions'])),
      epoch: Number(row['epoch']),
      active: String(row['active']),
      openRun: typeof openRun === 'string' ? openRun : null,
    },
    token: Number(row['token']),
  };
}

export function runRow(row: Row): RunRow {
  const ended = row['ended_wall_ms'];
  return {
    summary: {
      runId: String(row['id']),
      service: String(row['service']),
      kind: String(row['kind']),
      from: String(row['from_region']),
      to: String(row['to_region']),
      epoch: Number(row['epoch']),
      planDigest: String(row['plan_digest']),
      owner: String(row['owner']),
      token: Number(row['token']),
      status: String(row['status']) as RunStatus,
      startedWallMs: Number(row['started_wall_ms']),
      endedWallMs: typeof ended === 'number' ? ended : null,
    },
    plan: String(row['plan']),
    leaseMs: Number(row['lease_ms']),
    lastSeq: Number(row['last_seq']),
    lastHash: String(row['last_hash']),
  };
}

export function chainedRow(row: Row): ChainedRow {
  return { seq: Number(row['seq']), body: String(row['body']), hash: String(row['hash']) };
}

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { z } from 'zod';
import type { ServiceFacts } from '../epochs.ts';
import type { Halt, Loss, RunSummary } from '../shapes.ts';
import { haltSchema, lossSchema, syncSchema } from '../shapes.ts';
import type { ChainedRow } from './chain.ts';

export type Row = Record<string, SQLOutputValue>;

export interface RunRow {
  readonly summary: RunSummary;
  readonly plan: string;
  readonly leaseMs: number;
  readonly lastSeq: number;
  readonly lastHash: string;
}

const summaryColumns = `id, service, kind, from_region, to_region, epoch, plan_digest, owner, token,
  status, started_wall_ms, ended_wall_ms`;

/** Every statement of the store, prepared once. */
export function prepare(db: DatabaseSync) {
  return {
    service: db.prepare(
      `SELECT services.*, epochs.run_id, epochs.opened_by FROM services
       JOIN epochs ON epochs.service = services.name AND epochs.epoch = services.epoch
       WHERE name = ?`,
    ),
    putService: db.prepare(
      `INSERT INTO services (name, regions, epoch, active, token, open_run, sync, stopped_epoch,
       restored_token, ledger_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET regions = excluded.regions, epoch = excluded.epoch,
       active = excluded.active, token = excluded.token, open_run = excluded.open_run,
       sync = excluded.sync, stopped_epoch = excluded.stopped_epoch,
       restored_token = excluded.restored_token, ledger_bytes = excluded.ledger_bytes`,
    ),
    addEpoch: db.prepare(
      `INSERT INTO epochs (service, epoch, active, run_id, opened_by, opened_wall_ms)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    run: db.prepare('SELECT * FROM runs WHERE id = ?'),
    openRuns: db.prepare("SELECT id, lease_ms FROM runs WHERE status = 'running'"),
    // Two statements, so that each has its index; without the plans, which are most of a run's
    // bytes.
    runs: db.prepare(`SELECT ${summaryColumns} FROM runs ORDER BY number DESC LIMIT ?`),
    runsOfService: db.prepare(
      `SELECT ${summaryColumns} FROM runs WHERE service = ? ORDER BY number DESC LIMIT ?`,
    ),
    addRun: db.prepare(
      `INSERT INTO runs (id, service, kind, from_region, to_region, epoch, plan_digest, plan, owner,
       token, status, started_wall_ms, lease_ms, last_seq, last_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, 0, ?)`,
    ),
    takeRun: db.prepare('UPDATE runs SET owner = ?, token = ?, lease_ms = ? WHERE id = ?'),
    replan: db.prepare('UPDATE runs SET kind = ?, plan_digest = ? WHERE id = ?'),
    endRun: db.prepare('UPDATE runs SET status = ?, ended_wall_ms = ? WHERE id = ?'),
    grow: db.prepare('UPDATE runs SET last_seq = ?, last_hash = ? WHERE id = ?'),
    addRecord: db.prepare('INSERT INTO records (run_id, seq, body, hash) VALUES (?, ?, ?, ?)'),
    record: db.prepare('SELECT body FROM records WHERE run_id = ? AND seq = ?'),
    records: db.prepare('SELECT seq, body, hash FROM records WHERE run_id = ? ORDER BY seq'),
    halt: db.prepare('SELECT body FROM halts'),
    setHalt: db.prepare('INSERT OR REPLACE INTO halts (only, body) VALUES (1, ?)'),
    endHalt: db.prepare('DELETE FROM halts'),
    addLoss: db.prepare(
      `INSERT INTO losses (service, id, run_id, commit_position, number, body, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, id) DO NOTHING`,
    ),
    loss: db.prepare('SELECT commit_position, number FROM losses WHERE service = ? AND id = ?'),
    lossesOfService: db.prepare(
      `SELECT body, bytes, resolution FROM losses
       WHERE service = ? AND (commit_position, number, id) > (?, ?, ?)
       ORDER BY commit_position, number, id LIMIT ?`,
    ),
    lossesOfRun: db.prepare(
      `SELECT body, bytes, resolution FROM losses
       WHERE service = ? AND run_id = ? AND (commit_position, number, id) > (?, ?, ?)
       ORDER BY commit_position, number, id LIMIT ?`,
    ),
    countLosses: db.prepare(
      `SELECT count(*) AS total, count(*) - count(resolution) AS unresolved FROM losses
       WHERE service = ? AND (? IS NULL OR run_id = ?)`,
    ),
    resolveLoss: db.prepare('UPDATE losses SET resolution = ? WHERE service = ? AND id = ?'),
  };
}

export function serviceFacts(row: Row): ServiceFacts {
  const sync = text(row['sync']);
  return {
    state: {
      name: String(row['name']),
      regions: z.array(z.string()).parse(JSON.parse(String(row['regions']))),
      epoch: Number(row['epoch']),
      active: String(row['active']),
      openRun: text(row['open_run']),
      openedBy: String(row['opened_by']),
      sync: sync === null ? null : syncSchema.parse(JSON.parse(sync)),
    },
    token: Number(row['token']),
    openedByRun: text(row['run_id']),
    stoppedEpoch: number(row['stopped_epoch']),
    restoredToken: Number(row['restored_token']),
    ledgerBytes: Number(row['ledger_bytes']),
  };
}

/** Values in the order of `putService`. */
export function serviceValues(facts: ServiceFacts) {
  const { state, token, stoppedEpoch, restoredToken, ledgerBytes } = facts;
  const { name, regions, epoch, active, openRun, sync } = state;
  return [
    name,
    JSON.stringify(regions),
    epoch,
    active,
    token,
    openRun,
    sync === null ? null : JSON.stringify(sync),
    stoppedEpoch,
    restoredToken,
    ledgerBytes,
  ];
}

export function summaryRow(row: Row): RunSummary {
  return {
    runId: String(row['id']),
    service: String(row['service']),
    kind: String(row['kind']),
    from: String(row['from_region']),
    to: String(row['to_region']),
    epoch: Number(row['epoch']),
    planDigest: String(row['plan_digest']),
    owner: String(row['owner']),
    token: Number(row['token']),
    status: String(row['status']) as RunSummary['status'],
    startedWallMs: Number(row['started_wall_ms']),
    endedWallMs: number(row['ended_wall_ms']),
  };
}

export function runRow(row: Row): RunRow {
  return {
    summary: summaryRow(row),
    plan: String(row['plan']),
    leaseMs: Number(row['lease_ms']),
    lastSeq: Number(row['last_seq']),
    lastHash: String(row['last_hash']),
  };
}

export function chainedRow(row: Row): ChainedRow {
  return { seq: Number(row['seq']), body: String(row['body']), hash: String(row['hash']) };
}

export function haltRow(row: Row | undefined): Halt | null {
  return row === undefined ? null : haltSchema.parse(JSON.parse(String(row['body'])));
}

/** Yields the losses one by one, so that a caller that stops early has not read the rest. */
export function* lossRows(
  rows: Iterable<Row>,
): Generator<{ readonly loss: Loss; readonly bytes: number }> {
  for (const row of rows) {
    const resolution = JSON.parse(text(row['resolution']) ?? 'null');
    const loss = lossSchema.parse({ ...JSON.parse(String(row['body'])), resolution });
    yield { loss, bytes: Number(row['bytes']) };
  }
}

function text(value: SQLOutputValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: SQLOutputValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

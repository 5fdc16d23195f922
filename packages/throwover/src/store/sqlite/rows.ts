import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { ServiceFacts } from '../epochs.ts';
import type { Ending, Halt, Loss, RunSummary } from '../shapes.ts';
import { haltSchema, lossSchema, runStatuses, syncSchema } from '../shapes.ts';
import type { ChainedRow } from './chain.ts';

export type Row = Record<string, SQLOutputValue>;

export interface RunRow {
  readonly summary: RunSummary;
  readonly plan: string;
  readonly leaseMs: number;
  readonly lastSeq: number;
  readonly lastHash: string;
}

const summaryColumns = `id, runs.service, kind, from_region, to_region, epoch, plan_digest, owner,
  runs.token, status, started_wall_ms, ended_wall_ms`;

/** A run with the ending of a person, if it has one. */
const endingColumns = `run_id, endings.service AS ending_service, endings.token AS ending_token, ended_by,
  reason, damage, wall_ms`;
const withEnding = 'runs LEFT JOIN endings ON endings.run_id = runs.id';

/** Integers as they are: a damaged number must not keep the row from being read. */
function exactly(statement: StatementSync): StatementSync {
  statement.setReadBigInts(true);
  return statement;
}

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
    run: exactly(db.prepare(`SELECT runs.*, ${endingColumns} FROM ${withEnding} WHERE id = ?`)),
    openRuns: db.prepare(
      `SELECT id, lease_ms FROM ${withEnding} WHERE status = 'running' AND ended_by IS NULL`,
    ),
    ending: db.prepare(`SELECT ${endingColumns} FROM endings WHERE run_id = ?`),
    addEnding: db.prepare(
      `INSERT INTO endings (run_id, service, token, ended_by, reason, damage, wall_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    holder: db.prepare('SELECT name FROM services WHERE open_run = ?'),
    // Two statements, so that each has its index; without the plans, which are most of a run's
    // bytes.
    runs: exactly(
      db.prepare(
        `SELECT ${summaryColumns}, ${endingColumns} FROM ${withEnding} ORDER BY number DESC LIMIT ?`,
      ),
    ),
    runsOfService: exactly(
      db.prepare(
        `SELECT ${summaryColumns}, ${endingColumns} FROM ${withEnding}
         WHERE runs.service = ? ORDER BY number DESC LIMIT ?`,
      ),
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
      token: Number(row['token']),
      sync: sync === null ? null : syncSchema.parse(JSON.parse(sync)),
    },
    openedByRun: text(row['run_id']),
    stoppedEpoch: number(row['stopped_epoch']),
    restoredToken: Number(row['restored_token']),
    ledgerBytes: Number(row['ledger_bytes']),
  };
}

/** Values in the order of `putService`. */
export function serviceValues(facts: ServiceFacts) {
  const { state, stoppedEpoch, restoredToken, ledgerBytes } = facts;
  const { name, regions, epoch, active, token, openRun, sync } = state;
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

/** A number or status that nobody can have written is shown as none. */
export function summaryRow(row: Row): RunSummary {
  const kept = {
    runId: String(row['id']),
    service: String(row['service']),
    kind: String(row['kind']),
    from: String(row['from_region']),
    to: String(row['to_region']),
    epoch: whole(row['epoch']),
    planDigest: String(row['plan_digest']),
    owner: String(row['owner']),
    token: whole(row['token']),
    status: runStatuses.find((status) => status === row['status']) ?? 'running',
    startedWallMs: finite(row['started_wall_ms']) ?? 0,
    endedWallMs: finite(row['ended_wall_ms']),
  } as const;
  if (typeof row['ended_by'] !== 'string') return kept;
  const { token, by, reason, wallMs, damage } = endingRow(row);
  const abandoned = { by, reason, wallMs, damage };
  return { ...kept, token, status: 'abandoned', endedWallMs: wallMs, abandoned };
}

export function endingRow(row: Row): Ending {
  return {
    runId: String(row['run_id']),
    service: String(row['ending_service']),
    token: whole(row['ending_token']),
    by: String(row['ended_by']),
    reason: String(row['reason']),
    damage: String(row['damage']),
    wallMs: finite(row['wall_ms']) ?? 0,
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

function whole(value: SQLOutputValue | undefined): number {
  const read = Number(value);
  return Number.isSafeInteger(read) && read >= 0 ? read : 0;
}

function finite(value: SQLOutputValue | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function number(value: SQLOutputValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}

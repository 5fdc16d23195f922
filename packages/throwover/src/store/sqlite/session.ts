import type { DatabaseSync } from 'node:sqlite';
import type { Clock, ThrowoverError } from '../../kernel/kernel.ts';
import type { ServiceFacts } from '../epochs.ts';
import { RunLeases, WriterGrants } from '../leases.ts';
import { maxLeaseMs } from '../limits.ts';
import { noSuchRun, noSuchService, type RunFacts } from '../rules.ts';
import type { ServiceState } from '../shapes.ts';
import { storeFailure } from './failures.ts';
import { prepare, type RunRow, runRow, serviceFacts, serviceValues } from './rows.ts';

/**
 * The open database with its transactions, and the state in this process's memory, which every call
 * uses.
 */
export interface Session {
  readonly clock: Clock;
  readonly sql: ReturnType<typeof prepare>;
  readonly leases: RunLeases;
  readonly grants: WriterGrants;
  /** The failure because of which nothing is written any more, or `null`. */
  readonly failure: ThrowoverError | null;
  read<T>(work: () => T): T;
  /** Runs one transaction: durable when it returns, rolled back when it throws. */
  write<T>(work: () => T): T;
  serviceOf(name: string): ServiceFacts;
  runOf(runId: string): RunRow;
  /**
   * Inside `write`: stores the new facts of a service. `before`: the facts that `serviceOf` gave.
   */
  keep(before: ServiceFacts | undefined, after: ServiceFacts): ServiceState;
}

export function openSession(db: DatabaseSync, clock: Clock, path: string): Session {
  const sql = prepare(db);
  const open = sql.openRuns
    .all()
    .map((row) => ({ runId: String(row['id']), leaseMs: leaseOf(row['lease_ms']) }));
  const leases = new RunLeases(clock, open);
  const grants = new WriterGrants(clock);
  let failure: ThrowoverError | null = null;

  const fail = (error: unknown, doing: 'reading' | 'writing'): ThrowoverError => {
    const failed = storeFailure(error, path, doing);
    if (doing === 'writing' && failed.code === 'store-stopped') failure = failed;
    return failed;
  };

  return {
    clock,
    sql,
    leases,
    grants,
    get failure() {
      return failure;
    },

    read: (work) => {
      try {
        return work();
      } catch (error) {
        throw fail(error, 'reading');
      }
    },

    write: (work) => {
      if (failure !== null) throw failure;
      try {
        db.exec('BEGIN IMMEDIATE');
        const result = work();
        db.exec('COMMIT');
        return result;
      } catch (error) {
        const failed = fail(error, 'writing');
        // SQLite rolls back by itself after some errors; if a rollback fails, nothing is committed
        // either.
        if (db.isTransaction) db.exec('ROLLBACK');
        throw failed;
      }
    },

    serviceOf: (name) => {
      const row = sql.service.get(name);
      if (row === undefined) throw noSuchService(name);
      return serviceFacts(row);
    },

    runOf: (runId) => {
      const row = sql.run.get(runId);
      if (row === undefined) throw noSuchRun(runId);
      return runRow(row);
    },

    keep: (before, after) => {
      const { state } = after;
      if (after === before) return state;
      sql.putService.run(...serviceValues(after));
      if (before?.state.epoch !== state.epoch) {
        const { name, epoch, active, openedBy } = state;
        sql.addEpoch.run(name, epoch, active, after.openedByRun, openedBy, clock.wallMs());
      }
      return state;
    },
  };
}

/** A damaged lease must not keep its run for longer than any controller may. */
function leaseOf(kept: unknown): number {
  const leaseMs = Number(kept);
  return Number.isFinite(leaseMs) ? Math.min(leaseMs, maxLeaseMs) : maxLeaseMs;
}

export function factsOf({ summary, lastSeq }: RunRow): RunFacts {
  return { ...summary, lastSeq };
}

import {
  type Clock,
  canonicalJson,
  newId,
  type Random,
  type ThrowoverError,
} from '../../kernel/kernel.ts';
import {
  admitAppend,
  admitBegin,
  admitEpoch,
  admitService,
  admitTake,
  mustHold,
  mustRun,
  noSuchRun,
  noSuchService,
  type RunFacts,
} from '../rules.ts';
import type { Store } from '../store.ts';
import { nextHash, rootHash, verifiedRecords } from './chain.ts';
import { storeFailure } from './failures.ts';
import { chainedRow, prepare, type RunRow, runRow, type ServiceRow, serviceRow } from './rows.ts';
import { openDatabase } from './schema.ts';

/** Largest store, bytes: a run is about 20 KB, so this is some 50,000 runs; a full store is a clear error, not a full disk. */
const defaultMaxBytes = 1024 ** 3;

export interface SqliteStore extends Store {
  /** Why nothing is written any more, or null. */
  readonly failure: ThrowoverError | null;
  /** Gives the directory free; every acknowledged call is on disk already. */
  close(): void;
}

/**
 * Keeps the store in one SQLite file in `dataDir`. Each call is one transaction, durable when it
 * answers, and there is no half of it after a crash. Each journal is a hash chain, verified when read.
 *
 * Leases run on this process's monotonic clock: after a restart an open run counts as carried on for
 * one whole lease more, because how long the store was down is not known.
 *
 * Throws at opening: `store-in-use`, `store-unusable`, `store-too-new`, `store-disk-full`, `journal-damaged`.
 */
export function openSqliteStore(options: {
  dataDir: string;
  clock: Clock;
  random: Random;
  maxBytes?: number;
}): SqliteStore {
  const { dataDir, clock, random } = options;
  const db = openDatabase(dataDir, options.maxBytes ?? defaultMaxBytes);
  const sql = prepare(db);
  const leaseEndsMs = new Map<string, number>();
  let failure: ThrowoverError | null = null;

  for (const row of sql.openRuns.all()) {
    leaseEndsMs.set(String(row['id']), clock.monotonicMs() + Number(row['lease_ms']));
  }

  const fail = (error: unknown, doing: 'reading' | 'writing'): ThrowoverError => {
    const failed = storeFailure(error, dataDir, doing);
    if (doing === 'writing' && failed.code === 'store-stopped') failure = failed;
    return failed;
  };
  const read = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fail(error, 'reading');
    }
  };
  const write = <T>(work: () => T): T => {
    if (failure !== null) throw failure;
    try {
      db.exec('BEGIN IMMEDIATE');
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      const failed = fail(error, 'writing');
      // SQLite rolls back by itself after some errors; a rollback that fails leaves nothing committed.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw failed;
    }
  };

  const serviceOf = (name: string): ServiceRow => {
    const row = sql.service.get(name);
    if (row === undefined) throw noSuchService(name);
    return serviceRow(row);
  };
  const runOf = (runId: string): RunRow => {
    const row = sql.run.get(runId);
    if (row === undefined) throw noSuchRun(runId);
    return runRow(row);
  };
  const verified = (run: RunRow) =>
    verifiedRecords(
      { ...run, runId: run.summary.runId },
      sql.records.all(run.summary.runId).map(chainedRow),
    );
  const leaseLeftMs = (runId: string) =>
    Math.max(0, (leaseEndsMs.get(runId) ?? 0) - clock.monotonicMs());
  const startLease = (runId: string, leaseMs: number) =>
    leaseEndsMs.set(runId, clock.monotonicMs() + leaseMs);
  const grantToken = (service: string) => Number(sql.nextToken.get(service)?.['token']);

  return {
    get failure() {
      return failure;
    },

    close: () => db.close(),

    registerService: async (input) =>
      write(() => {
        const row = sql.service.get(input.name);
        const verdict = admitService(row && serviceRow(row).state, input);
        const regions = JSON.stringify(input.regions);
        if (verdict === 'create') {
          sql.addService.run(input.name, regions, 1, input.active);
          sql.addEpoch.run(input.name, 1, input.active, null, clock.wallMs());
        }
        if (verdict === 'change-regions') sql.setRegions.run(regions, input.name);
        return serviceOf(input.name).state;
      }),

    service: async (name) => read(() => serviceOf(name).state),

    beginRun: async (input) => {
      const runId = newId('run', clock, random);
      const plan = canonicalJson(input.plan);
      const token = write(() => {
        const { state } = serviceOf(input.service);
        const open = state.openRun === null ? undefined : runOf(state.openRun);
        admitBegin(
          state,
          open && { ...facts(open), leaseLeftMs: leaseLeftMs(open.summary.runId) },
          input,
          plan,
        );
        const granted = grantToken(input.service);
        const { service, kind, from, to, epoch, planDigest, owner, leaseMs } = input;
        sql.addRun.run(
          runId,
          service,
          kind,
          from,
          to,
          epoch,
          planDigest,
          plan,
          owner,
          granted,
          clock.wallMs(),
          leaseMs,
          rootHash(runId, plan),
        );
        sql.setOpenRun.run(runId, service);
        return granted;
      });
      startLease(runId, input.leaseMs);
      return { runId, token, leaseMs: input.leaseMs };
    },

    takeRun: async ({ runId, owner, leaseMs, force }) => {
      const token = write(() => {
        const run = runOf(runId);
        admitTake(facts(run), leaseLeftMs(runId), force);
        // A journal that cannot be read cannot be carried on: the run stays with whoever has it.
        verified(run);
        const granted = grantToken(run.summary.service);
        sql.takeRun.run(owner, granted, leaseMs, runId);
        return granted;
      });
      startLease(runId, leaseMs);
      return { runId, token, leaseMs };
    },

    // Leases live in memory alone: a renewal is no commit, so it never makes an append wait for the disk.
    renewRun: async ({ runId, token, leaseMs }) => {
      const run = read(() => runOf(runId));
      mustHold(facts(run), token);
      mustRun(facts(run));
      startLease(runId, leaseMs);
    },

    append: async (input) => {
      const { runId, record } = input;
      const text = canonicalJson(record);
      write(() => {
        const run = runOf(runId);
        const existing = (seq: number) => {
          const body = sql.record.get(runId, seq)?.['body'];
          return typeof body === 'string' ? body : undefined;
        };
        if (admitAppend(facts(run), input, text, existing) === 'already-there') return;
        const hash = nextHash(run.lastHash, text);
        sql.addRecord.run(runId, record.seq, text, hash);
        sql.grow.run(record.seq, hash, runId);
        if (record.type !== 'ended') return;
        sql.endRun.run(record.status, record.wallMs, runId);
        sql.setOpenRun.run(null, run.summary.service);
      });
    },

    openEpoch: async (input) =>
      write(() => {
        const { state } = serviceOf(input.service);
        const openedBy = sql.epoch.get(input.service, state.epoch)?.['run_id'];
        const verdict = admitEpoch(
          state,
          facts(runOf(input.runId)),
          typeof openedBy === 'string' ? openedBy : null,
          input,
        );
        if (verdict === 'already-open') return state;
        sql.setEpoch.run(input.epoch, input.active, input.service);
        sql.addEpoch.run(input.service, input.epoch, input.active, input.runId, clock.wallMs());
        return serviceOf(input.service).state;
      }),

    run: async (runId) =>
      read(() => {
        const run = runOf(runId);
        const records = verified(run);
        return { ...run.summary, plan: JSON.parse(run.plan), records };
      }),

    runs: async ({ service, limit }) =>
      read(() => {
        const filter = service ?? null;
        return sql.runs.all(filter, filter, limit).map((row) => runRow(row).summary);
      }),
  };
}

function facts({ summary, lastSeq }: RunRow): RunFacts {
  return { ...summary, lastSeq };
}

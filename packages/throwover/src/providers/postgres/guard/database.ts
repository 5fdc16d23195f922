import pg from 'pg';
import type { GuardedDatabase } from '../../../authority/authority.ts';
import { postgresErrors } from '../errors.ts';
import { salvageOldSide } from '../salvage/old-side.ts';
import { follow, upstreamCluster } from './attach.ts';
import { closeDatabase } from './fence.ts';
import { promoteDatabase, rehearsePromotion } from './promote.ts';
import { recordPromotion } from './promotions.ts';
import { advanceSequences, prewarm, setSynchronous } from './settings.ts';
import type { Side } from './side.ts';
import { isStandby } from './sql.ts';
import { finishReplacing } from './standby-files.ts';
import { lookAt } from './status.ts';
import { keepLease } from './strict.ts';
import { endLease, extendLease, machineTime } from './write-lease.ts';

/** Longest checkpoint, ms: the port's own deadline. */
const checkpointTimeoutMs = 15_000;

/**
 * PostgreSQL as the guard beside it handles it. A refusal by PostgreSQL or the file system is
 * `database-refused`.
 */
export function postgresDatabase(side: Side): GuardedDatabase {
  const { config, clock, sql, postmaster, door } = side;
  return inTheGuardsWords({
    region: config.region,
    look: lookAt(side),
    lookAtDoor: async () => (postmaster.pid() === null ? null : door.look()),
    tryDoor: () => door.tries(),
    startClosed: async () => {
      await finishReplacing(config.postgres.dataDir);
      // On disk before the server runs, so that no login can succeed before the database is closed.
      await door.closeBeforeStart();
      const { startDatabase } = config.postgres;
      if (startDatabase) await postmaster.start();
      // The database could not be closed before the start, or another program starts it and may
      // have just done so.
      const late = !startDatabase || door.cannot['close-before-start'] !== undefined;
      if (late && postmaster.pid() !== null) await closeDatabase(side, { openTransactionsMs: 0 });
    },
    stop: () => postmaster.stop('immediate'),
    checkpoint: async () => {
      await sql.rows('CHECKPOINT', [], checkpointTimeoutMs);
    },
    prewarm: async () => {
      await rehearsePromotion(side);
      return prewarm(side);
    },
    close: (options) => closeDatabase(side, options),
    open: async () => {
      // Before any login: a table that does not check the lease yet would accept writes without
      // one.
      if (postmaster.pid() !== null && !(await isStandby(sql))) await keepLease(side, sql);
      await door.open();
    },
    promote: (only) => promoteDatabase(side, only),
    recordPromotion: (promotion) => recordPromotion(sql, promotion, config.applicationRoles),
    advanceSequences: (by) => advanceSequences(side, by),
    salvage: (command) => salvageOldSide(side, command),
    follow: (command) => follow(side, command),
    upstreamCluster: (upstream) => upstreamCluster(side, upstream),
    machineTime: () => machineTime(clock),
    extendLease: (until) => extendLease(side.leases, until),
    endLease: () => endLease(side.leases, config.applicationRoles),
    setSynchronous: (on) => setSynchronous(side, on),
  });
}

/**
 * Turns errors of the database into `database-refused`: a guard survives these, and ends on a bug.
 * PostgreSQL's own errors have a SQLSTATE, those of the file system (for example a full disk) the
 * name of the call: neither is a bug.
 */
function inTheGuardsWords(database: GuardedDatabase): GuardedDatabase {
  const translate = (error: unknown): never => {
    const { code, syscall } = error as { code?: unknown; syscall?: unknown };
    if (!(error instanceof pg.DatabaseError) && syscall === undefined) throw error;
    throw postgresErrors.make(
      'database-refused',
      `${database.region}'s database: ${(error as Error).message}`,
      { code: String(code) },
      error,
    );
  };
  const translated = ([name, one]: [string, unknown]) => {
    if (typeof one !== 'function') return [name, one];
    const call = (...given: readonly unknown[]) => {
      const result: unknown = one(...given);
      return result instanceof Promise ? result.catch(translate) : result;
    };
    return [name, call];
  };
  return Object.fromEntries(Object.entries(database).map(translated)) as GuardedDatabase;
}

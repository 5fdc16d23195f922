import pg from 'pg';
import type { GuardedDatabase } from '../../../authority/authority.ts';
import { postgresErrors } from '../errors.ts';
import { salvageOldSide } from '../salvage/old-side.ts';
import { follow, upstreamCluster } from './attach.ts';
import { closeDatabase } from './fence.ts';
import { promoteDatabase } from './promote.ts';
import { recordPromotion } from './promotions.ts';
import { advanceSequences, prewarm, setSynchronous } from './settings.ts';
import type { Side } from './side.ts';
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
    prewarm: () => prewarm(side),
    close: (options) => closeDatabase(side, options),
    open: async () => {
      // Before any login: a table that does not check the lease yet would accept writes without
      // one.
      if (await takesWrites(side)) {
        await keepLease(side, sql);
      }
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

async function takesWrites({ postmaster, sql }: Side): Promise<boolean> {
  if (postmaster.pid() === null) return false;
  const { standby } = await sql.row<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  return !standby;
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
  const { region, machineTime: time } = database;
  return {
    region,
    machineTime: time,
    look: () => database.look().catch(translate),
    lookAtDoor: () => database.lookAtDoor().catch(translate),
    tryDoor: () => database.tryDoor().catch(translate),
    startClosed: () => database.startClosed().catch(translate),
    stop: () => database.stop().catch(translate),
    checkpoint: () => database.checkpoint().catch(translate),
    prewarm: () => database.prewarm().catch(translate),
    close: (options) => database.close(options).catch(translate),
    open: () => database.open().catch(translate),
    promote: (only) => database.promote(only).catch(translate),
    recordPromotion: (promotion) => database.recordPromotion(promotion).catch(translate),
    advanceSequences: (by) => database.advanceSequences(by).catch(translate),
    salvage: (command) => database.salvage(command).catch(translate),
    follow: (command) => database.follow(command).catch(translate),
    upstreamCluster: (upstream) => database.upstreamCluster(upstream).catch(translate),
    extendLease: (until) => database.extendLease(until).catch(translate),
    endLease: () => database.endLease().catch(translate),
    setSynchronous: (on) => database.setSynchronous(on).catch(translate),
  };
}

import type { GuardedDatabase } from '../../../authority/guard/ports.ts';
import { salvageOldSide } from '../salvage/old-side.ts';
import { follow } from './attach.ts';
import { closeDatabase, openDatabase } from './fence.ts';
import { promoteDatabase } from './promote.ts';
import { recordPromotion } from './promotions.ts';
import { advanceSequences, prewarm, setSynchronous } from './settings.ts';
import type { Side } from './side.ts';
import { finishReplacing } from './standby-files.ts';
import { lookAt } from './status.ts';
import { endLease, extendLease, machineTime } from './write-lease.ts';

/** Longest checkpoint, ms: the port's own deadline. */
const checkpointTimeoutMs = 15_000;

/** PostgreSQL, as the guard beside it handles it. */
export function postgresDatabase(side: Side): GuardedDatabase {
  const { config, clock, sql, postmaster, access } = side;
  return {
    region: config.region,
    look: lookAt(side),
    startClosed: async () => {
      if (!config.postgres.startDatabase) return;
      await finishReplacing(config.postgres.dataDir);
      // On disk before the server runs: nobody can connect before it is closed.
      await access.close(config.applicationRoles);
      await access.sync();
      await postmaster.start();
    },
    stop: () => postmaster.stop('immediate'),
    checkpoint: async () => {
      await sql.rows('CHECKPOINT', [], checkpointTimeoutMs);
    },
    prewarm: () => prewarm(side),
    close: (options) => closeDatabase(side, options),
    open: () => openDatabase(side),
    promote: () => promoteDatabase(side),
    recordPromotion: (promotion) => recordPromotion(sql, promotion, config.applicationRoles),
    advanceSequences: (by) => advanceSequences(side, by),
    salvage: (command) => salvageOldSide(side, command),
    follow: (command) => follow(side, command),
    machineTime: () => machineTime(clock),
    extendLease: (until) => extendLease(side.leases, until),
    endLease: () => endLease(side.leases),
    setSynchronous: (on) => setSynchronous(side, on),
  };
}

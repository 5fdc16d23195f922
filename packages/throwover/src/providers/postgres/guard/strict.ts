import { lookEveryMs } from './lease-watch.ts';
import type { Side } from './side.ts';
import type { Sql } from './sql.ts';
import { installLease, removeLease } from './write-lease.ts';

/**
 * Makes a writer's database check the lease if the service is strict, and removes the check
 * otherwise. Returns false if the loop does not run because no connection is free.
 */
export async function keepLease(side: Side, sql: Sql): Promise<boolean> {
  if (side.config.writerFence === 'strict') {
    await installLease(sql);
    return side.leaseWatch.keep(sql);
  }
  await removeLease(sql);
  await side.leaseWatch.stop(sql);
  return true;
}

/**
 * Returns the writes that pass the checks of a statement without a lease, and for how long. Empty
 * for a service that is not strict. A standby takes no writes anyway.
 */
export async function leaseLeavesOut(side: Side): Promise<readonly string[]> {
  if (side.config.writerFence !== 'strict') return [];
  const roles = side.config.applicationRoles.join(', ');
  const unchecked =
    'large objects, nextval and setval, logical messages, COMMIT PREPARED, roles and databases, and COMMIT of a transaction whose last statement was checked in time';
  return [
    (await side.leaseWatch.runs(side.reader))
      ? `${unchecked}: until the session ends, at most ${lookEveryMs} ms after the lease or, after a freeze of the whole machine, after its end`
      : `${unchecked}: until the guard itself ends the session, LATE BY ITS FREEZE if it is frozen, and not at all in a session that begins later, since the loop inside the server does not run (the guard starts it within 5 s when a connection is free)`,
    `the same in sessions of roles other than ${roles}: not ended at all`,
    'rows that a logical subscription applies, and tables that are temporary or unlogged, which no standby has: not checked',
  ];
}

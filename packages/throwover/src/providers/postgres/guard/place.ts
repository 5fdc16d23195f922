import type { GuardConfig } from '../config.ts';
import type { Place } from '../wire.ts';

/** What people need to handle this database without its guard; references to secrets, no secrets. */
export function placeOf(config: GuardConfig): Place {
  const { region, postgres, superuser, database, applicationRoles, replication, upstreams, fence } =
    config;
  const { host, port, dataDir, pgBin, hbaFile, runAs } = postgres;
  return {
    region,
    host,
    port,
    dataDir,
    pgBin,
    hbaFile: hbaFile ?? `${dataDir}/pg_hba.conf`,
    runAs,
    superuser: { host: superuser.host, user: superuser.user },
    database,
    applicationRoles,
    replication,
    upstreams,
    fence,
  };
}

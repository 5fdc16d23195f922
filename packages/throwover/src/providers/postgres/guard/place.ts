import type { Place } from '../wire.ts';
import type { Side } from './side.ts';

/**
 * Returns the facts that people need to handle this database without its guard; it contains
 * references to secrets, no secrets.
 */
export async function placeOf({ config, hbaFile }: Side): Promise<Place> {
  const { region, postgres, superuser, database, applicationRoles, replication, upstreams, fence } =
    config;
  const { host, port, dataDir, pgBin, runAs } = postgres;
  return {
    region,
    host,
    port,
    dataDir,
    pgBin,
    hbaFile: await hbaFile.path(),
    runAs,
    superuser: { host: superuser.host, user: superuser.user },
    database,
    applicationRoles,
    replication,
    upstreams,
    fence,
  };
}

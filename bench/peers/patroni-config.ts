import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';
import { replicationRole } from '../../packages/lab/src/postgres/postgres.ts';
import { hostBasedAccess, settings } from '../../packages/lab/src/postgres/schema.ts';
import type { RegionName } from '../../packages/lab/src/world/map.ts';
import type { Ground } from './ground.ts';

/** Patroni's name for the pair. */
export const scope = 'bench';

/** The settings that determine how fast a loss is noticed, s. */
export interface Timings {
  readonly ttl: number;
  readonly loopWait: number;
  readonly retryTimeout: number;
}

export const patroniTimings = {
  /** Patroni's defaults. */
  default: { ttl: 30, loopWait: 10, retryTimeout: 10 },
  /** The smallest values that its documentation allows. */
  minimum: { ttl: 20, loopWait: 1, retryTimeout: 3 },
  /** Below its documented minimum; it starts, but warns. */
  belowMinimum: { ttl: 5, loopWait: 1, retryTimeout: 2 },
} as const satisfies Record<string, Timings>;

/** Returns the file with which a region's Patroni is started; JSON is YAML. */
export function patroniConfig(
  { sides, binaries, dir }: Ground,
  name: RegionName,
  { etcd, timings }: { readonly etcd: string; readonly timings: Timings },
): string {
  const side = sides[name];
  return JSON.stringify({
    scope,
    name,
    restapi: { listen: at(side.agent), connect_address: at(side.agentFar) },
    etcd3: { hosts: etcd },
    bootstrap: { dcs: dynamicConfig(timings) },
    postgresql: {
      listen: at(side.postgres),
      connect_address: at(side.postgresFar),
      data_dir: side.dataDir,
      bin_dir: binaries.dir,
      pgpass: join(dir, 'patroni', `${name}.pgpass`),
      authentication,
      pg_hba: hostBasedAccess.trim().split('\n'),
      parameters: { unix_socket_directories: '' },
    },
    watchdog: { mode: 'off' },
  });
}

const at = ({ host, port }: Endpoint) => `${host}:${port}`;

/** pg_hba trusts the loopback, so no password is needed. */
const authentication = {
  superuser: { username: 'postgres' },
  replication: { username: replicationRole },
  rewind: { username: 'postgres' },
};

/**
 * Returns the settings that Patroni keeps in etcd for both; it takes these parameters from nowhere
 * else.
 */
function dynamicConfig({ ttl, loopWait, retryTimeout }: Timings) {
  const managed = ['max_connections', 'wal_level', 'wal_log_hints', 'max_wal_senders'];
  return {
    ttl,
    loop_wait: loopWait,
    retry_timeout: retryTimeout,
    maximum_lag_on_failover: 1_048_576,
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      parameters: Object.fromEntries(managed.map((name) => [name, settings[name]])),
    },
  };
}

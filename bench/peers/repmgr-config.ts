import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';
import { replicationRole } from '../../packages/lab/src/postgres/postgres.ts';
import type { RegionName } from '../../packages/lab/src/world/map.ts';
import type { Ground, Side } from './ground.ts';
import { sshClientConfig } from './sshd.ts';

const nodeId: Record<RegionName, number> = { east: 1, west: 2 };

/**
 * How PostgreSQL is stopped and started: by service commands as documented, or by repmgr's own
 * pg_ctl.
 */
export type ServiceCommands = 'documented' | 'default';

/** The settings that determine how fast a loss is noticed, s. */
export interface Timings {
  readonly monitorInterval: number;
  readonly reconnectAttempts: number;
  readonly reconnectInterval: number;
}

export const repmgrTimings = {
  default: { monitorInterval: 2, reconnectAttempts: 6, reconnectInterval: 10 },
  fast: { monitorInterval: 1, reconnectAttempts: 2, reconnectInterval: 1 },
} as const satisfies Record<string, Timings>;

/** Returns a node's repmgr.conf; `address` is the address that it states for its own database. */
export function repmgrConfig(
  ground: Ground,
  side: Side,
  options: {
    readonly file: string;
    readonly address: Endpoint;
    readonly logFile: string;
    readonly timings: Timings;
    readonly serviceCommands: ServiceCommands;
  },
): string {
  const { dir, binaries } = ground;
  const { file, address, logFile, timings } = options;
  const repmgr = `${join(binaries.dir, 'repmgr')} -f ${file}`;
  const values = {
    node_id: nodeId[side.name],
    node_name: side.name,
    conninfo: `host=${address.host} port=${address.port} user=repmgr dbname=repmgr connect_timeout=2`,
    data_directory: side.dataDir,
    pg_bindir: binaries.dir,
    replication_user: replicationRole,
    ssh_options: `-q -F ${join(dir, 'repmgr', sshClientConfig)}`,
    pg_ctl_options: `-l ${logFile}`,
    ...(options.serviceCommands === 'documented' ? waitingCommands(ground, side, logFile) : {}),
    failover: 'automatic',
    promote_command: `${repmgr} standby promote`,
    follow_command: `${repmgr} standby follow --upstream-node-id=%n`,
    monitor_interval_secs: timings.monitorInterval,
    reconnect_attempts: timings.reconnectAttempts,
    reconnect_interval: timings.reconnectInterval,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}='${value}'`);
  return `${lines.join('\n')}\n`;
}

function waitingCommands({ binaries }: Ground, { dataDir }: Side, logFile: string) {
  const pgCtl = `${join(binaries.dir, 'pg_ctl')} -D ${dataDir} -w -l ${logFile}`;
  return {
    service_start_command: `${pgCtl} start`,
    service_stop_command: `${pgCtl} -m fast stop`,
    service_restart_command: `${pgCtl} restart`,
    service_reload_command: `${pgCtl} reload`,
  };
}

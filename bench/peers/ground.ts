import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Endpoint } from 'throwover/kernel';
import type { LinkChange } from '../../packages/lab/src/network/link.ts';
import {
  createDatabases,
  findBinaries,
  type RunAs,
  startServer,
  withClient,
} from '../../packages/lab/src/postgres/postgres.ts';
import { type Child, startChild } from '../../packages/lab/src/world/child.ts';
import { askJson } from '../../packages/lab/src/world/json.ts';
import { labMap, type RegionName, regionNames } from '../../packages/lab/src/world/map.ts';
import { type Daemon, startDaemon } from './process.ts';

/**
 * Port of a peer's agent (Patroni's REST API, repmgr's sshd), counted from the region's first port.
 */
const agentOffset = 9;

/** Port of the coordination store in the third place, counted from the first port. */
const storeOffset = 11;

export interface Side {
  readonly name: RegionName;
  readonly dataDir: string;
  /** Address at which the region itself reaches its database: no latency. */
  readonly postgres: Endpoint;
  /** Address at which the other region reaches it: over the link. */
  readonly postgresFar: Endpoint;
  readonly agent: Endpoint;
  readonly agentFar: Endpoint;
}

export type Ground = Awaited<ReturnType<typeof layGround>>;

/**
 * Lays the environment of the floor and of both peers: the same databases as in throwover's lab (settings,
 * tables, roles, given binaries), and a link with the same latency between the two regions for all
 * calls from one region to the other.
 */
export async function layGround(options: {
  readonly dir: string;
  readonly portBase: number;
  readonly pgBin: string | null;
  /** The user that runs PostgreSQL. Default: the same as in the lab. */
  readonly runAs?: RunAs | null;
}) {
  const { dir, portBase } = options;
  const map = labMap(portBase);
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o755);
  const found = await findBinaries({ pgBin: options.pgBin, copyDir: join(dir, 'binaries') });
  const binaries = { ...found, ...(options.runAs === undefined ? {} : { runAs: options.runAs }) };
  const databases = await createDatabases({
    dir: join(dir, 'databases'),
    binaries,
    primary: 'east',
    standby: 'west',
    upstream: map.regions.east.public.interPostgres,
    scratch: map.regions.east.private.postgres,
  });
  const side = (name: RegionName): Side => {
    const { privateHost, publicHost, private: near, public: far } = map.regions[name];
    return {
      name,
      dataDir: databases.side(name).dataDir,
      postgres: near.postgres,
      postgresFar: far.interPostgres,
      agent: { host: privateHost, port: portBase + agentOffset },
      agentFar: { host: publicHost, port: portBase + agentOffset },
    };
  };
  const sides = { east: side('east'), west: side('west') };
  const border = await startBorder(dir, map.border, sides);
  return {
    ...{ dir, binaries, databases, sides },
    /** Client and peer address of a store in the third place, without latency to either region. */
    store: {
      client: { host: map.store.host, port: portBase + storeOffset },
      peer: { host: map.store.host, port: portBase + storeOffset + 1 },
    },
    setLatency: (latencyMs: number) => changeLinks(map.border, regionNames, { latencyMs }),
    /**
     * Blocks all requests to this region, also those on their way; null: everything passes again.
     * The other region's own links stay: repmgr's agent there reaches its own database over them.
     */
    cut: (region: RegionName | null) =>
      region === null
        ? changeLinks(map.border, regionNames, { cut: 'none' })
        : changeLinks(map.border, [region], { cut: 'both' }),
    close: async () => {
      await databases.stop();
      await border.stop();
    },
  };
}

async function changeLinks(
  border: Endpoint,
  regions: readonly RegionName[],
  change: LinkChange,
): Promise<void> {
  const names = regions.flatMap((name) => [`${name}-postgres`, `${name}-agent`]);
  await askJson(border, '/links', { method: 'POST', body: { names, change } });
}

async function startBorder(
  dir: string,
  admin: Endpoint,
  sides: Readonly<Record<RegionName, Side>>,
): Promise<Child> {
  const links = regionNames.flatMap((name) => [
    { name: `${name}-postgres`, listen: sides[name].postgresFar, target: sides[name].postgres },
    { name: `${name}-agent`, listen: sides[name].agentFar, target: sides[name].agent },
  ]);
  const config = join(dir, 'border.json');
  await writeFile(config, JSON.stringify({ admin, links }));
  return startChild({
    name: 'border',
    logDir: join(dir, 'logs'),
    ownGroup: true,
    argv: [
      fileURLToPath(new URL('../../packages/lab/src/network/border.ts', import.meta.url)),
      config,
    ],
  });
}

/** Writes a file that PostgreSQL's user may read and write. */
export async function writeOwned(
  { binaries: { runAs } }: Ground,
  path: string,
  text: string,
): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (runAs !== null) await chown(path, runAs.uid, runAs.gid);
}

/** Creates a directory that the peer's user owns, below the peer's own. */
export async function makeOwned({ dir, binaries: { runAs } }: Ground, name: string): Promise<void> {
  const path = join(dir, name);
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (runAs !== null) await chown(path, runAs.uid, runAs.gid);
}

/** Starts a process of PostgreSQL's user that keeps running. */
export function startOwned(
  { dir, binaries: { runAs } }: Ground,
  program: { readonly name: string; readonly file: string; readonly args: readonly string[] },
): Promise<Daemon> {
  return startDaemon({ ...program, runAs, logDir: join(dir, 'logs') });
}

export const postgresLog = ({ dir }: Ground, name: RegionName) =>
  join(dir, 'logs', `${name}-postgres.log`);

/** Starts a side's PostgreSQL, with an empty log. */
export async function startPostgres(ground: Ground, name: RegionName): Promise<void> {
  const { dataDir, postgres: address } = ground.sides[name];
  const logFile = postgresLog(ground, name);
  await writeOwned(ground, logFile, '');
  await startServer({ binaries: ground.binaries, dataDir, address, logFile });
}

/** Changes lines of the database's own settings file. */
export async function changeAutoConf(
  ground: Ground,
  side: Side,
  change: (lines: readonly string[]) => readonly string[],
): Promise<void> {
  const path = join(side.dataDir, 'postgresql.auto.conf');
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  await writeOwned(ground, path, `${change(lines).join('\n')}\n`);
}

/** Runs one statement on a database as its superuser. */
export async function ask<Row extends pg.QueryResultRow>(
  { postgres }: Side,
  sql: string,
): Promise<readonly Row[]> {
  const login = { database: 'postgres', timeoutMs: 2_000 };
  return withClient(postgres, async (client) => (await client.query<Row>(sql)).rows, login);
}

/** Returns true when this side is primary and the other one streams from it. */
export async function isFollowed(primary: Side): Promise<boolean> {
  const rows = await ask<{ yes: boolean }>(
    primary,
    `SELECT NOT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_stat_replication
       WHERE state = 'streaming' AND replay_lsn >= pg_current_wal_flush_lsn()) AS yes`,
  );
  return rows[0]?.yes === true;
}

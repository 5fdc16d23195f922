import { appendFile, chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemClock } from 'throwover/kernel';
import {
  applicationRole,
  type Binaries,
  connectTo,
  createDatabases,
  type Databases,
  findBinaries,
  replicationRole,
  startServer,
  stopServer,
  withClient,
} from '../packages/lab/src/postgres/postgres.ts';
import { type Child, startChild } from '../packages/lab/src/world/child.ts';
import { askJson, until } from '../packages/lab/src/world/json.ts';
import {
  labMap,
  otherRegion,
  type RegionName,
  regionNames,
} from '../packages/lab/src/world/map.ts';
import type { Switchable, SwitchRound } from './contender.ts';
import { switchUnderLoad } from './load.ts';

/** Longest wait for each condition in one round, and time between two looks, ms. */
const patience = { timeoutMs: 30_000, pollMs: 2 };

export interface FloorOptions {
  /** Directory of everything that the measurement writes. */
  readonly dir: string;
  /** First port; no lab with this base may be running. */
  readonly portBase: number;
  readonly pgBin: string | null;
}

/**
 * Starts the floor: the fastest switch by hand. Hard fence, wait for the position,
 * `pg_promote(false)` and poll, first write; the old side is stopped and attached again afterwards.
 * No plan, no journal, no DNS, no door, no crash safety: nothing that a tool adds.
 */
export async function startFloor(options: FloorOptions): Promise<Switchable> {
  const { dir, portBase } = options;
  const map = labMap(portBase);
  const binaries = await findBinaries({ pgBin: options.pgBin, copyDir: join(dir, 'binaries') });
  const databases = await createDatabases({
    dir: join(dir, 'databases'),
    binaries,
    primary: 'east',
    standby: 'west',
    upstream: map.regions.east.public.interPostgres,
    scratch: map.regions.east.private.postgres,
  });
  const border = await startBorder(map, dir);
  const pair: Pair = { map, binaries, databases, dir };
  const close = async () => {
    await border.stop();
    await databases.stop();
  };
  let from: RegionName = 'east';
  try {
    await startBoth(pair, from);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: 'floor',
    setLatency: async (latencyMs) => {
      const names = regionNames.map(linkName);
      await askJson(map.border, '/links', {
        method: 'POST',
        body: { names, change: { latencyMs } },
      });
    },
    switchover: async (round) => {
      const { attachedAsIs, ...measured } = await measureRound(pair, from, round);
      from = otherRegion(from);
      if (!attachedAsIs) {
        await databases.reset();
        from = 'east';
        await startBoth(pair, from);
      }
      return measured;
    },
    close,
  };
}

const linkName = (name: RegionName) => `${name}-interPostgres`;

async function startBorder(map: Pair['map'], dir: string): Promise<Child> {
  const config = join(dir, 'border.json');
  const links = regionNames.map((name) => ({
    name: linkName(name),
    listen: map.regions[name].public.interPostgres,
    target: map.regions[name].private.postgres,
  }));
  await writeFile(config, JSON.stringify({ admin: map.border, links }));
  return startChild({
    name: 'border',
    logDir: join(dir, 'logs'),
    ownGroup: true,
    argv: [
      fileURLToPath(new URL('../packages/lab/src/network/border.ts', import.meta.url)),
      config,
    ],
  });
}

interface Pair {
  readonly map: ReturnType<typeof labMap>;
  readonly binaries: Binaries;
  readonly databases: Databases;
  readonly dir: string;
}

async function measureRound(
  pair: Pair,
  from: RegionName,
  round: number,
): Promise<SwitchRound & { readonly attachedAsIs: boolean }> {
  const { map } = pair;
  const to = otherRegion(from);
  const [oldSide, newSide] = [await superuser(pair, from), await superuser(pair, to)];
  try {
    const load = {
      sides: [map.regions[from].private.postgres, map.regions[to].private.postgres],
      prefix: `floor-${systemClock.wallMs()}-${round}`,
      patienceMs: patience.timeoutMs,
    } as const;
    const measured = await switchUnderLoad(load, async () => {
      const position = await fence(pair, oldSide, from);
      await until('the position', () => has(newSide, position), patience);
      await newSide.query('SELECT pg_promote(false)');
      await until('the promotion', () => isPrimary(newSide), patience);
      await stopServer(pair.databases.side(from).dataDir, 'immediate');
    });
    const attachedAsIs = await attach(pair, from, newSide, `marker-${round}`);
    return { ...measured, attachedAsIs };
  } finally {
    await Promise.all([oldSide, newSide].map((client) => client.end().catch(() => {})));
  }
}

/**
 * Closes the old side to the application, ends its sessions, and returns the position that covers
 * everything it acknowledged.
 */
async function fence(pair: Pair, client: pg.Client, name: RegionName): Promise<string> {
  const file = join(pair.databases.side(name).dataDir, 'pg_hba.conf');
  const open = await readFile(file, 'utf8');
  await writeFile(file, `host all ${applicationRole} all reject\n${open}`);
  await client.query('SELECT pg_reload_conf()');
  await until('a refused login', () => isRefused(pair, name), patience);
  const isEmpty = async () => {
    const { rowCount } = await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
      [applicationRole],
    );
    return rowCount === 0;
  };
  await until('an empty database', isEmpty, patience);
  const { rows } = await client.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return rows[0].lsn;
}

async function isRefused(pair: Pair, name: RegionName): Promise<boolean> {
  const address = pair.map.regions[name].private.postgres;
  return withClient(address, async () => false, { user: applicationRole }).catch(
    (error) => error instanceof pg.DatabaseError && error.code === '28000',
  );
}

async function has(client: pg.Client, position: string): Promise<boolean> {
  const { rows } = await client.query(
    'SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) >= $1::pg_lsn AS yes',
    [position],
  );
  return rows[0].yes;
}

async function isPrimary(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('SELECT NOT pg_is_in_recovery() AS yes');
  return rows[0].yes;
}

/**
 * Attaches the old side. Returns false when its log went on past the switch; success is proved by a
 * row that is written on the new side and read here.
 */
async function attach(
  pair: Pair,
  name: RegionName,
  upstream: pg.Client,
  marker: string,
): Promise<boolean> {
  const { dataDir } = pair.databases.side(name);
  const link = pair.map.regions[otherRegion(name)].public.interPostgres;
  await appendFile(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${link.host} port=${link.port} user=${replicationRole} application_name=${name} connect_timeout=3'\n`,
  );
  await writeFile(join(dataDir, 'standby.signal'), '');
  const { runAs } = pair.binaries;
  if (runAs !== null) await chown(join(dataDir, 'standby.signal'), runAs.uid, runAs.gid);
  const hba = join(dataDir, 'pg_hba.conf');
  await writeFile(hba, (await readFile(hba, 'utf8')).replace(/^host all \w+ all reject\n/, ''));
  await start(pair, name);
  await upstream.query(
    `INSERT INTO payments (event_id) VALUES ($1) ON CONFLICT (event_id) DO UPDATE SET at = now()`,
    [marker],
  );
  const { rows } = await upstream.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  const client = await superuser(pair, name);
  try {
    const outcome = async () => {
      const log = await readFile(logFile(pair, name), 'utf8');
      if (/forked off current database system timeline/.test(log)) return 'diverged';
      const { rowCount } = await client.query('SELECT FROM payments WHERE event_id = $1', [marker]);
      return rowCount === 1 && (await has(client, rows[0].lsn)) && 'attached';
    };
    return (await until('the standby', outcome, patience)) === 'attached';
  } finally {
    await client.end();
  }
}

async function startBoth(pair: Pair, primary: RegionName): Promise<void> {
  for (const name of regionNames) await start(pair, name);
  const client = await superuser(pair, primary);
  const streams = async () => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_replication WHERE state = 'streaming'`,
    );
    return rowCount === 1;
  };
  await until('streaming', streams, patience);
  await client.end();
}

async function start(pair: Pair, name: RegionName): Promise<void> {
  const { binaries, databases, map } = pair;
  await writeFile(logFile(pair, name), '');
  await startServer({
    binaries,
    dataDir: databases.side(name).dataDir,
    address: map.regions[name].private.postgres,
    logFile: logFile(pair, name),
  });
}

const logFile = (pair: Pair, name: RegionName) => join(pair.dir, 'logs', `${name}-postgres.log`);

const superuser = ({ map }: Pair, name: RegionName) =>
  connectTo(map.regions[name].private.postgres);

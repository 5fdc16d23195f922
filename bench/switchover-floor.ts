import { appendFile, chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Clock } from 'throwover/kernel';
import {
  applicationRole,
  type Binaries,
  createDatabases,
  type Databases,
  database,
  findBinaries,
  replicationRole,
  startServer,
  stopServer,
} from '../packages/lab/src/postgres/postgres.ts';
import { startChild } from '../packages/lab/src/world/child.ts';
import {
  labMap,
  otherRegion,
  type RegionName,
  regionNames,
} from '../packages/lab/src/world/map.ts';
import { startFollowingWriter, writeGapMs } from './following-writer.ts';

/** The writer's pace, ms: as in the measurement that the floor is compared with. */
const paceMs = 1;

/** How long the writer writes before and after each switch, ms. */
const steadyMs = 500;

/** Time between two looks at a position or a role, ms. */
const pollMs = 2;

/** Longest wait for anything in one round, ms. */
const patienceMs = 30_000;

export interface FloorOptions {
  readonly rounds: number;
  /** One way, between the regions, ms. */
  readonly latencyMs: number;
  /** Everything that the measurement writes stands below it. */
  readonly dir: string;
  /** A lab with this base must not be running. */
  readonly portBase: number;
  readonly pgBin: string | null;
  readonly clock: Clock;
}

export interface FloorRound {
  readonly writeGapMs: number;
  readonly fenceMs: number;
  readonly catchUpMs: number;
  readonly promoteMs: number;
  /** Acknowledged and absent from the new primary. */
  readonly writesLost: number;
  readonly attachedAsIs: boolean;
}

/**
 * What the fastest switch by hand costs: hard fence, wait for the position, `pg_promote(false)` and
 * poll, first write; the old side is stopped and attached again afterwards. No plan, no journal, no
 * DNS, no door, no crash safety: nothing that a tool adds.
 */
export async function measureFloor(options: FloorOptions): Promise<readonly FloorRound[]> {
  const { dir, portBase, clock, latencyMs } = options;
  const map = labMap(portBase);
  const binaries = await findBinaries({ pgBin: options.pgBin, copyDir: join(dir, 'binaries') });
  const databases = await createDatabases({
    dir: join(dir, 'databases'),
    binaries,
    primary: 'east',
    standby: 'west',
    upstream: map.regions.east.public.interPostgres,
    scratch: map.regions.east.private.postgres,
    clock,
  });
  const border = await startChild({
    name: 'border',
    logDir: join(dir, 'logs'),
    argv: [
      fileURLToPath(new URL('../packages/lab/src/network/border.ts', import.meta.url)),
      JSON.stringify({
        admin: map.border,
        links: regionNames.map((name) => ({
          name: `${name}-interPostgres`,
          listen: map.regions[name].public.interPostgres,
          target: map.regions[name].private.postgres,
          latencyMs,
        })),
      }),
    ],
  });
  try {
    const pair: Pair = { map, binaries, databases, dir, clock };
    await startBoth(pair, 'east');
    const rounds: FloorRound[] = [];
    let from: RegionName = 'east';
    for (let round = 1; round <= options.rounds; round++) {
      const measured = await measureRound(pair, from, round);
      rounds.push(measured);
      from = otherRegion(from);
      if (measured.attachedAsIs) continue;
      await databases.reset();
      from = 'east';
      await startBoth(pair, from);
    }
    return rounds;
  } finally {
    await border.stop();
    await databases.stop();
  }
}

interface Pair {
  readonly map: ReturnType<typeof labMap>;
  readonly binaries: Binaries;
  readonly databases: Databases;
  readonly dir: string;
  readonly clock: Clock;
}

async function measureRound(pair: Pair, from: RegionName, round: number): Promise<FloorRound> {
  const { clock, map } = pair;
  const to = otherRegion(from);
  const [oldSide, newSide] = [await superuser(pair, from), await superuser(pair, to)];
  const writer = startFollowingWriter({
    sides: [map.regions[from].private.postgres, map.regions[to].private.postgres],
    paceMs,
    prefix: `floor-${clock.wallMs()}-${round}`,
    clock,
  });
  try {
    await clock.sleep(steadyMs);
    const begun = clock.monotonicMs();
    const position = await fence(pair, oldSide, from);
    const fenced = clock.monotonicMs();
    await until(pair, 'the position', async () => has(newSide, position));
    const caughtUp = clock.monotonicMs();
    await newSide.query('SELECT pg_promote(false)');
    await until(pair, 'the promotion', async () => isPrimary(newSide));
    const promoted = clock.monotonicMs();
    await stopServer(pair.databases.side(from).dataDir, 'immediate', clock);
    await until(pair, 'a write on the new side', async () =>
      writer.acknowledged.some(({ side }) => side === 1),
    );
    await clock.sleep(steadyMs);
    await writer.stop();
    const attachedAsIs = await attach(pair, from, newSide, `marker-${round}`);
    return {
      writeGapMs: writeGapMs(writer.acknowledged),
      fenceMs: fenced - begun,
      catchUpMs: caughtUp - fenced,
      promoteMs: promoted - caughtUp,
      writesLost: await countLost(
        newSide,
        writer.acknowledged.map(({ key }) => key),
      ),
      attachedAsIs,
    };
  } finally {
    await writer.stop();
    await Promise.all([oldSide, newSide].map((client) => client.end().catch(() => {})));
  }
}

/** Closes the old side to the application, empties it, and gives the position that covers all it acknowledged. */
async function fence(pair: Pair, client: pg.Client, name: RegionName): Promise<string> {
  const file = join(pair.databases.side(name).dataDir, 'pg_hba.conf');
  const open = await readFile(file, 'utf8');
  await writeFile(file, `host all ${applicationRole} all reject\n${open}`);
  await client.query('SELECT pg_reload_conf()');
  await until(pair, 'a refused login', () => isRefused(pair, name));
  await until(pair, 'an empty database', async () => {
    const { rowCount } = await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
      [applicationRole],
    );
    return rowCount === 0;
  });
  const { rows } = await client.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return rows[0].lsn;
}

async function isRefused(pair: Pair, name: RegionName): Promise<boolean> {
  const login = new pg.Client({
    ...pair.map.regions[name].private.postgres,
    user: applicationRole,
    database,
  });
  try {
    await login.connect();
    return false;
  } catch (error) {
    return error instanceof pg.DatabaseError && error.code === '28000';
  } finally {
    await login.end().catch(() => {});
  }
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

/** False when its log went on past the switch. Proved by a row written on the new side and read here. */
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
    return await until(pair, 'the standby', async () => {
      const log = await readFile(logFile(pair, name), 'utf8');
      if (/forked off current database system timeline/.test(log)) return 'diverged';
      const { rowCount } = await client.query('SELECT FROM payments WHERE event_id = $1', [marker]);
      return rowCount === 1 && (await has(client, rows[0].lsn)) ? 'attached' : false;
    }).then((outcome) => outcome === 'attached');
  } finally {
    await client.end();
  }
}

async function countLost(client: pg.Client, keys: readonly string[]): Promise<number> {
  const { rows } = await client.query(
    `SELECT count(*)::int AS lost FROM unnest($1::text[]) AS key
     WHERE NOT EXISTS (SELECT FROM orders WHERE idempotency_key = key)`,
    [keys],
  );
  return rows[0].lost;
}

async function startBoth(pair: Pair, primary: RegionName): Promise<void> {
  for (const name of regionNames) await start(pair, name);
  const client = await superuser(pair, primary);
  await until(pair, 'streaming', async () => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_replication WHERE state = 'streaming'`,
    );
    return rowCount === 1;
  });
  await client.end();
}

async function start(pair: Pair, name: RegionName): Promise<void> {
  const { binaries, databases, map, clock } = pair;
  await writeFile(logFile(pair, name), '');
  await startServer({
    binaries,
    dataDir: databases.side(name).dataDir,
    address: map.regions[name].private.postgres,
    logFile: logFile(pair, name),
    clock,
  });
}

const logFile = (pair: Pair, name: RegionName) => join(pair.dir, 'logs', `${name}-postgres.log`);

async function superuser(pair: Pair, name: RegionName): Promise<pg.Client> {
  const client = new pg.Client({
    ...pair.map.regions[name].private.postgres,
    user: 'postgres',
    database,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function until<T>(pair: Pair, what: string, look: () => Promise<T | false>): Promise<T> {
  const deadline = pair.clock.monotonicMs() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== false) return seen;
    if (pair.clock.monotonicMs() > deadline) {
      throw new Error(`${what}: not within ${patienceMs} ms`);
    }
    await pair.clock.sleep(pollMs);
  }
}

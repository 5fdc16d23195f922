import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from 'throwover/kernel';
import {
  applicationRole,
  connectTo,
  followWhenStarted,
  stopServer,
  withClient,
} from '../packages/lab/src/postgres/postgres.ts';
import { until } from '../packages/lab/src/world/json.ts';
import { otherRegion, type RegionName, regionNames } from '../packages/lab/src/world/map.ts';
import type { Switchable, SwitchRound } from './contender.ts';
import { switchUnderLoad } from './load.ts';
import { type Ground, layGround, postgresLog, type Side, startPostgres } from './peers/ground.ts';

/** Longest wait for each condition in one round, and time between two looks, ms. */
const patience = { timeoutMs: 30_000, pollMs: 2 };

/**
 * Starts the floor: the fastest switch by hand. Hard fence, wait for the position,
 * `pg_promote(false)` and poll, first write; the old side is stopped and attached again afterwards.
 * No plan, no journal, no DNS, no door, no crash safety: nothing that a tool adds.
 */
export async function startFloor(options: {
  readonly dir: string;
  /** First port; no lab with this base may be running. */
  readonly portBase: number;
  readonly pgBin: string | null;
}): Promise<Switchable> {
  const ground = await layGround(options);
  let from: RegionName = 'east';
  try {
    await startBoth(ground, from);
  } catch (error) {
    await ground.close();
    throw error;
  }
  return {
    name: 'floor',
    setLatency: ground.setLatency,
    switchover: async (round) => {
      const { attachedAsIs, ...measured } = await measureRound(ground, from, round);
      from = otherRegion(from);
      if (!attachedAsIs) {
        await ground.databases.reset();
        from = 'east';
        await startBoth(ground, from);
      }
      return measured;
    },
    close: ground.close,
  };
}

async function measureRound(
  ground: Ground,
  from: RegionName,
  round: number,
): Promise<SwitchRound & { readonly attachedAsIs: boolean }> {
  const [old, next] = [ground.sides[from], ground.sides[otherRegion(from)]];
  const [oldSide, newSide] = [await connectTo(old.postgres), await connectTo(next.postgres)];
  try {
    const load = {
      sides: [old.postgres, next.postgres],
      prefix: `floor-${systemClock.wallMs()}-${round}`,
      patienceMs: patience.timeoutMs,
    } as const;
    const measured = await switchUnderLoad(load, async () => {
      const position = await fence(old, oldSide);
      await until('the position', () => has(newSide, position), patience);
      await newSide.query('SELECT pg_promote(false)');
      await until('the promotion', () => isPrimary(newSide), patience);
      await stopServer(old.dataDir, 'immediate');
    });
    const attachedAsIs = await attach(ground, from, newSide, `marker-${round}`);
    return { ...measured, attachedAsIs };
  } finally {
    await Promise.all([oldSide, newSide].map((client) => client.end().catch(() => {})));
  }
}

/**
 * Closes the old side to the application, ends its sessions, and returns the position that covers
 * everything it acknowledged.
 */
async function fence(side: Side, client: pg.Client): Promise<string> {
  const file = join(side.dataDir, 'pg_hba.conf');
  const open = await readFile(file, 'utf8');
  await writeFile(file, `host all ${applicationRole} all reject\n${open}`);
  await client.query('SELECT pg_reload_conf()');
  await until('a refused login', () => isRefused(side), patience);
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

function isRefused({ postgres }: Side): Promise<boolean> {
  return withClient(postgres, async () => false, { user: applicationRole }).catch(
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
  ground: Ground,
  name: RegionName,
  upstream: pg.Client,
  marker: string,
): Promise<boolean> {
  const { dataDir, postgres } = ground.sides[name];
  await followWhenStarted(
    {
      binaries: ground.binaries,
      upstream: ground.sides[otherRegion(name)].postgresFar,
      standby: name,
    },
    dataDir,
  );
  const hba = join(dataDir, 'pg_hba.conf');
  await writeFile(hba, (await readFile(hba, 'utf8')).replace(/^host all \w+ all reject\n/, ''));
  await startPostgres(ground, name);
  await upstream.query(
    `INSERT INTO payments (event_id) VALUES ($1) ON CONFLICT (event_id) DO UPDATE SET at = now()`,
    [marker],
  );
  const { rows } = await upstream.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return withClient(postgres, async (client) => {
    const outcome = async () => {
      const log = await readFile(postgresLog(ground, name), 'utf8');
      if (/forked off current database system timeline/.test(log)) return 'diverged';
      const { rowCount } = await client.query('SELECT FROM payments WHERE event_id = $1', [marker]);
      return rowCount === 1 && (await has(client, rows[0].lsn)) && 'attached';
    };
    return (await until('the standby', outcome, patience)) === 'attached';
  });
}

async function startBoth(ground: Ground, primary: RegionName): Promise<void> {
  for (const name of regionNames) await startPostgres(ground, name);
  await withClient(ground.sides[primary].postgres, async (client) => {
    const streams = async () => {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_replication WHERE state = 'streaming'`,
      );
      return rowCount === 1;
    };
    await until('streaming', streams, patience);
  });
}

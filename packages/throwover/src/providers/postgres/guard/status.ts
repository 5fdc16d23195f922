import { bytesOf, type Position, positionOf } from '@throwover/client';
import pg from 'pg';
import {
  type ClusterSight,
  type DatabaseLook,
  type DatabaseStatus,
  type Promotion,
  stoppedLook,
} from '../../../authority/authority.ts';
import { clusterReader, isLeft, stoppedCluster } from './cluster.ts';
import { type PromotionRow, promotionOf, promotionsColumn } from './promotions.ts';
import type { Side } from './side.ts';
import type { Sql } from './sql.ts';

/**
 * How long settings are cached, ms: status is polled every 20-50 ms, settings are changed by hand.
 */
const parityMaxAgeMs = 3_000;

/**
 * Settings that a standby needs at least as large as its primary, or that an application notices.
 */
const paritySettings = [
  'max_connections',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_wal_senders',
  'max_worker_processes',
  'server_encoding',
  'shared_preload_libraries',
  'synchronous_commit',
  'TimeZone',
  'wal_level',
];

const replicationColumn = `
  (SELECT row_to_json(r) FROM (
    SELECT state, extract(epoch FROM replay_lag)::float8 * 1000 AS "lagMs",
      pg_wal_lsn_diff(pg_current_wal_flush_lsn(), coalesce(replay_lsn, sent_lsn, '0/0'))::float8 AS "lagBytes",
      replay_lsn IS NOT NULL AS known
    FROM pg_stat_replication WHERE application_name = ANY($2)
    ORDER BY replay_lsn DESC NULLS LAST LIMIT 1) r)`;

/**
 * Reads everything in one statement. A standby's timeline is its receiver's while one runs.
 * Otherwise it is the newest of two: the one in its control file, which may be out of date, and the
 * newest promotion whose row it has replayed.
 */
const observeQuery = (promotionRows: string, replayedTimeline: string) => `
  SELECT standby, current_setting('server_version') AS version,
    (SELECT count(*)::int FROM pg_stat_get_activity(NULL) a
     WHERE a.usesysid IN (SELECT oid FROM pg_roles WHERE rolname = ANY($1))) AS sessions,
    CASE WHEN standby
      THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
        (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline, ${replayedTimeline})
         FROM pg_control_checkpoint() c, pg_control_recovery() r))
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::int
    END AS timeline,
    pg_last_wal_replay_lsn()::text AS replayed,
    CASE WHEN standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn,
    CASE WHEN standby
      THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
      ELSE pg_current_wal_flush_lsn() END::text AS received,
    EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming,
    CASE WHEN NOT standby THEN ${replicationColumn} END AS replication,
    current_setting('synchronous_standby_names') <> '' AS synchronous,
    (SELECT system_identifier::text FROM pg_control_system()) AS identifier,
    pg_postmaster_start_time()::text AS started,
    ${promotionRows} AS promotions
  FROM pg_is_in_recovery() AS standby`;
const withPromotions = observeQuery(
  promotionsColumn,
  '(SELECT max(timeline) FROM throwover.promotions)',
);
const withoutPromotions = observeQuery(`'[]'::json`, 'NULL');

interface ObservedRow {
  readonly standby: boolean;
  readonly version: string;
  readonly sessions: number;
  readonly timeline: number;
  readonly replayed: string | null;
  readonly lsn: string;
  readonly received: string;
  readonly streaming: boolean;
  readonly replication: {
    readonly state: string;
    readonly lagMs: number | null;
    readonly lagBytes: number;
    readonly known: boolean;
  } | null;
  readonly synchronous: boolean;
  readonly identifier: string;
  readonly started: string;
  readonly promotions: readonly PromotionRow[];
}

export interface Observed {
  readonly standby: boolean;
  readonly version: string;
  readonly sessions: number;
  /** Where the recovery of the last start is, or ended; `null`: that start needed none. */
  readonly replayed: Position | null;
  readonly position: Position;
  readonly received: Position;
  /**
   * A receiver streams a timeline that no newer one has left. A diverged log is streamed only up to
   * the switch position, again and again, and does not count.
   */
  readonly streaming: boolean;
  readonly replication: ObservedRow['replication'];
  readonly timeline: number;
  readonly synchronous: boolean;
  /** PostgreSQL's system identifier, as a signed number, and the start time of the server. */
  readonly identifier: string;
  readonly started: string;
  /** The promotions of this side and those that it received; newest first. */
  readonly promotions: readonly Promotion[];
}

export async function observe(side: Side, sql: Sql): Promise<Observed> {
  const row = await observedRow(side, sql);
  const streaming = row.streaming && !(await isLeft(side.config.postgres.dataDir, row.timeline));
  return {
    ...row,
    streaming,
    replayed: row.replayed === null ? null : positionOf(row.timeline, row.replayed),
    position: positionOf(row.timeline, row.lsn),
    received: positionOf(row.timeline, row.received),
    promotions: row.promotions.map(promotionOf),
  };
}

async function observedRow(side: Side, sql: Sql): Promise<ObservedRow> {
  const { applicationRoles, upstreams, region } = side.config;
  const values = [applicationRoles, Object.keys(upstreams).filter((name) => name !== region)];
  const undefinedTable = '42P01';
  try {
    return await sql.row<ObservedRow>(withPromotions, values);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== undefinedTable) throw error;
    return sql.row<ObservedRow>(withoutPromotions, values);
  }
}

/**
 * Returns the state of the database; cheap enough for every 20 ms. A stopped database is an answer,
 * not an error.
 */
export function lookAt(side: Side): () => Promise<DatabaseLook> {
  let parity: { values: Readonly<Record<string, string>>; atMs: number } | null = null;
  const parityNow = async () => {
    const now = side.clock.monotonicMs();
    if (parity === null || now - parity.atMs > parityMaxAgeMs) {
      parity = { values: await readParity(side.watch), atMs: now };
    }
    return parity.values;
  };

  const clusterOf = clusterReader(side);
  return async () => {
    try {
      const observed = await observe(side, side.watch);
      const cluster = await clusterOf(side.watch, observed);
      return {
        role: observed.standby ? 'standby' : 'primary',
        version: observed.version,
        sessions: observed.sessions,
        position: observed.position,
        received: observed.received,
        streaming: observed.streaming,
        standby: standbyOf(observed),
        timeline: observed.timeline,
        promotions: observed.promotions,
        promotedSinceStart: wasPromoted(observed, cluster),
        synchronous: observed.synchronous,
        parity: await parityNow(),
        cluster,
      };
    } catch (error) {
      if (side.postmaster.pid() === null) {
        return { ...stoppedLook, cluster: await stoppedCluster(side.config.postgres.dataDir) };
      }
      throw error;
    }
  };
}

/**
 * Whether this server was a standby until its promotion. PostgreSQL keeps where the recovery of its last start ended:
 * for such a server that is where the earlier timeline ends. A server that was started after the promotion has replayed
 * more, or nothing if it was shut down in order.
 */
function wasPromoted({ standby, replayed }: Observed, cluster: ClusterSight | null): boolean {
  const end = cluster?.left?.at(-1);
  if (standby || replayed === null || end === undefined) return false;
  return bytesOf(replayed) <= bytesOf(end);
}

function standbyOf({ replication }: Observed): DatabaseStatus['standby'] {
  if (replication === null) return null;
  const { state, known } = replication;
  const lagBytes = Math.max(0, replication.lagBytes);
  // replay_lag keeps its last value, or is null, when there is nothing left to replay.
  return { state, lagBytes, lagMs: known && lagBytes === 0 ? 0 : replication.lagMs };
}

async function readParity(sql: Sql): Promise<Readonly<Record<string, string>>> {
  const rows = await sql.rows<{ name: string; value: string }>(
    `SELECT name, setting AS value FROM pg_settings WHERE name = ANY($1)
     UNION ALL SELECT 'server_version_major', current_setting('server_version_num')::int / 10000 || ''
     UNION ALL SELECT 'extension ' || extname, extversion FROM pg_extension
     UNION ALL SELECT 'collation', datcollate FROM pg_database WHERE datname = current_database()
     ORDER BY 1`,
    [paritySettings],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

import { bytesOf, isPosition, type Position, positionOf } from '../position.ts';
import { oneRow, type Queryable } from '../sql.ts';

/** One promotion, as the promoted database recorded it. */
export interface Switch {
  readonly epoch: bigint;
  /** The timeline that began with it. */
  readonly timeline: number;
  /** (timeline that was left, position at which it was left). */
  readonly position: Position;
  /**
   * The first transaction id that the new timeline gave out; `null` on rows that do not record it.
   */
  readonly nextXid: bigint | null;
}

/**
 * The status of a transaction id in a database. `future`: the database has not reached this id, or
 * neither this id nor any later one has ended. `forgotten`: the id is so old that its outcome is no
 * longer kept.
 */
export type XidStatus = 'committed' | 'aborted' | 'in-progress' | 'future' | 'forgotten';

/** The state of a database, at one moment, with regard to one token. */
export interface DatabaseView {
  readonly standby: boolean;
  /**
   * On a primary: exact. On a standby: the timeline of its receiver; nothing of a later timeline
   * was replayed. `null`: this role may not see it, or no receiver runs.
   */
  readonly timeline: number | null;
  /**
   * The lowest timeline that has certainly been replayed, by the control file (which lags behind).
   */
  readonly timelineAtLeast: number;
  /** Bytes in the log: replayed on a standby, written on a primary. */
  readonly bytes: bigint;
  /** `null` when the token has no id. */
  readonly xid: XidStatus | null;
  /** `missing`: no promotion was ever recorded here. `hidden`: this role may not read the table. */
  readonly switches: readonly Switch[] | 'missing' | 'hidden';
}

/**
 * Most rows read of `throwover.promotions`, newest first. The table has one row for each change of
 * region.
 */
const maxSwitches = 1_000;

// to_jsonb: an older table has no column next_xid, and the statement must still parse.
const switchesColumn = `
  (SELECT coalesce(json_agg(json_build_object('epoch', p.epoch::text, 'timeline', p.timeline,
     'position', p.switch_position, 'nextXid', to_jsonb(p) ->> 'next_xid')), '[]')::text
   FROM (SELECT * FROM throwover.promotions ORDER BY epoch DESC LIMIT ${maxSwitches}) p)`;

/**
 * The order of evaluation matters; OFFSET 0 and LATERAL keep it. The position is read first and the
 * receiver's timeline after it, so that everything replayed up to that position is of that timeline
 * or an earlier one. A primary's timeline is read from the name of its log file, because the
 * control file lags behind after a promotion. The query does not ask for an id at or past the
 * snapshot's end: pg_xact_status would fail. The rows of throwover.promotions are seen in the same
 * snapshot.
 */
const viewQuery = (switches: string) => `
  SELECT side.standby, here.lsn::text AS lsn,
    CASE WHEN side.standby THEN receiver.received_tli
      ELSE ('x' || substr(pg_walfile_name(here.lsn), 1, 8))::bit(32)::int END AS timeline,
    CASE WHEN side.standby THEN (
      SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)
      FROM pg_control_checkpoint() c, pg_control_recovery() r) END AS "timelineAtLeast",
    CASE WHEN $1::text IS NULL THEN NULL
      WHEN $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'future'
      ELSE coalesce(pg_xact_status($1::text::xid8), 'forgotten') END AS xid,
    current_setting('transaction_isolation') <> 'read committed'
      AND transaction_timestamp() < statement_timestamp() AS frozen,
    ${switches} AS switches
  FROM (SELECT pg_is_in_recovery() AS standby OFFSET 0) side
  CROSS JOIN LATERAL (
    SELECT coalesce(CASE WHEN side.standby THEN pg_last_wal_replay_lsn()
      ELSE pg_current_wal_insert_lsn() END, '0/0') AS lsn OFFSET 0) here
  LEFT JOIN LATERAL (
    SELECT received_tli FROM pg_stat_wal_receiver
    WHERE side.standby AND here.lsn IS NOT NULL) receiver ON true`;

/**
 * Asks the catalog, because naming a missing or unreadable table would abort the caller's
 * transaction.
 */
const readableColumn = `
  (SELECT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'throwover' AND c.relname = 'promotions')`;

const viewWithSwitches = viewQuery(switchesColumn);
const viewWithAccess = viewQuery(readableColumn);

interface ViewRow {
  readonly standby: boolean;
  readonly lsn: string;
  readonly timeline: number | null;
  readonly timelineAtLeast: number | null;
  readonly xid: string | null;
  readonly frozen: boolean;
  /**
   * The rows as JSON. In `viewWithAccess`: whether they may be read; null where there is no table.
   */
  readonly switches: string | null;
}

/**
 * Connections on which the table was seen readable. It stays readable, so one round trip is enough
 * from then on.
 */
const readable = new WeakSet<Queryable>();

/**
 * Reads the state of this database with regard to the transaction `xid`. One round trip, two the
 * first time on a connection.
 */
export async function readView(client: Queryable, xid: string | null): Promise<DatabaseView> {
  if (!readable.has(client)) {
    const row = await oneRow<ViewRow>(client, viewWithAccess, [xid]);
    if (row.switches !== 'true') return viewOf(row, row.switches === null ? 'missing' : 'hidden');
    readable.add(client);
  }
  const row = await oneRow<ViewRow>(client, viewWithSwitches, [xid]);
  return viewOf(row, switchesOf(row.switches));
}

function viewOf(row: ViewRow, switches: DatabaseView['switches']): DatabaseView {
  if (row.frozen) {
    throw new Error(
      'waiting inside a REPEATABLE READ or SERIALIZABLE transaction cannot help: its snapshot stays; wait before BEGIN',
    );
  }
  return {
    standby: row.standby,
    timeline: row.timeline,
    timelineAtLeast: row.timelineAtLeast ?? row.timeline ?? 1,
    bytes: bytesOf(positionOf(1, row.lsn)),
    xid: statusOf(row.xid),
    switches,
  };
}

function statusOf(text: string | null): XidStatus | null {
  switch (text) {
    case null:
    case 'committed':
    case 'aborted':
    case 'future':
    case 'forgotten':
      return text;
    case 'in progress':
      return 'in-progress';
    default:
      throw new Error(`pg_xact_status answered ${text}`);
  }
}

function switchesOf(text: string | null): Switch[] {
  const rows: unknown = JSON.parse(text ?? '[]');
  if (!Array.isArray(rows)) throw new Error(`throwover.promotions reads as ${text}`);
  return rows.map(switchOf);
}

function switchOf(row: unknown): Switch {
  const { epoch, timeline, position, nextXid } = row as Readonly<Record<string, unknown>>;
  const isId = (value: unknown): value is string =>
    typeof value === 'string' && /^[0-9]+$/.test(value);
  if (
    !isId(epoch) ||
    !Number.isInteger(timeline) ||
    !isPosition(position) ||
    !(nextXid === null || isId(nextXid))
  ) {
    throw new Error(`throwover.promotions holds a row that is none: ${JSON.stringify(row)}`);
  }
  return {
    epoch: BigInt(epoch),
    timeline: Number(timeline),
    position,
    nextXid: nextXid === null ? null : BigInt(nextXid),
  };
}

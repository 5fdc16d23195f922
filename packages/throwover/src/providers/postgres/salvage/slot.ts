import { lsnOf, type Position } from '@throwover/client';

/**
 * The logical slot from which lost writes are read after a failover. It is on the active primary,
 * and never further ahead than the position that the standby has on disk, so that writes which the
 * standby did not get can still be decoded on the old side.
 *
 * `test_decoding` needs no publication. The slot holds log back only up to
 * `max_slot_wal_keep_size`: beyond that PostgreSQL releases the log and the ledger is unavailable,
 * but the slot never fills the disk.
 */
export const slotName = 'throwover_ledger';

/** One connection to the database, as the guard keeps it. */
export interface SlotSql {
  rows<Row extends Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    timeoutMs?: number,
  ): Promise<Row[]>;
}

/** Whether lost writes could be read after a failover now. `none`: the slot does not exist yet. */
export type SlotState =
  | { readonly state: 'kept'; readonly confirmedLsn: string; readonly heldBytes: number }
  | { readonly state: 'none' }
  | { readonly state: 'unavailable'; readonly why: string };

/** Longest time to create the slot, ms: that waits for every open transaction (3.6 s seen). */
const createTimeoutMs = 60_000;

/** Longest time to advance the slot, ms: that decodes the log in between. */
const advanceTimeoutMs = 10_000;

interface SlotRow extends Record<string, unknown> {
  readonly walLevel: string;
  readonly standby: boolean;
  readonly bound: string;
  readonly slot: {
    readonly confirmed: string | null;
    readonly status: string | null;
    readonly held: number | null;
    readonly active: boolean;
  } | null;
  /** The position that every streaming standby has on disk; `null` if none streams. */
  readonly flushed: string | null;
}

const slotQuery = `
  SELECT current_setting('wal_level') AS "walLevel", pg_is_in_recovery() AS standby,
    current_setting('max_slot_wal_keep_size') AS bound,
    (SELECT json_build_object('confirmed', confirmed_flush_lsn, 'status', wal_status, 'active', active,
       'held', CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 END)
     FROM pg_replication_slots WHERE slot_name = $1) AS slot,
    (SELECT min(flush_lsn)::text FROM pg_stat_replication WHERE application_name = ANY($2)) AS flushed`;

/**
 * Runs one round of maintenance. On a primary it creates the slot, advances it to the position that
 * the standby has, or creates it again when PostgreSQL has released its log. On a standby it drops
 * the slot, which would only hold log back there. Never part of a switch; may take as long as the
 * longest open transaction.
 */
export async function keepSlot(
  sql: SlotSql,
  options: { readonly standbys: readonly string[] },
): Promise<SlotState> {
  const row = await lookAt(sql, options.standbys);
  if (row.standby) return dropOnStandby(sql, row);
  const impossible = whyNone(row);
  if (impossible !== null) return { state: 'unavailable', why: impossible };
  if (row.slot !== null && row.slot.status === 'lost') {
    await drop(sql);
    await create(sql);
    return {
      state: 'unavailable',
      why: `the slot held more than ${row.bound} and was given up; it was made anew`,
    };
  }
  if (row.slot === null) await create(sql);
  else if (row.flushed !== null && row.slot.confirmed !== null && !row.slot.active) {
    await advance(sql, row.flushed);
  }
  const after = await lookAt(sql, options.standbys);
  return stateOf(after);
}

export async function slotState(sql: SlotSql, standbys: readonly string[]): Promise<SlotState> {
  const row = await lookAt(sql, standbys);
  const impossible = row.slot === null && !row.standby ? whyNone(row) : null;
  return impossible === null ? stateOf(row) : { state: 'unavailable', why: impossible };
}

/**
 * Returns the reason why this database cannot have such a slot with its present settings; `null` if
 * it can.
 */
function whyNone({ walLevel, bound }: SlotRow): string | null {
  if (walLevel !== 'logical') return `wal_level is ${walLevel}, not logical`;
  if (bound === '-1') return 'max_slot_wal_keep_size is not set: a slot could fill the disk';
  return null;
}

function stateOf({ slot }: SlotRow): SlotState {
  if (slot === null || slot.confirmed === null) return { state: 'none' };
  if (slot.status === 'lost') return { state: 'unavailable', why: 'the slot was given up' };
  return { state: 'kept', confirmedLsn: slot.confirmed, heldBytes: slot.held ?? 0 };
}

async function lookAt(sql: SlotSql, standbys: readonly string[]): Promise<SlotRow> {
  const [row] = await sql.rows<SlotRow>(slotQuery, [slotName, standbys]);
  if (row === undefined) throw new Error('no row about the slot');
  return row;
}

async function dropOnStandby(sql: SlotSql, row: SlotRow): Promise<SlotState> {
  if (row.slot !== null && !row.slot.active) await drop(sql);
  return { state: 'none' };
}

async function drop(sql: SlotSql): Promise<void> {
  await sql.rows(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
    [slotName],
  );
}

async function create(sql: SlotSql): Promise<void> {
  await sql.rows(
    `SELECT pg_create_logical_replication_slot($1, 'test_decoding')`,
    [slotName],
    createTimeoutMs,
  );
}

/** Advances the slot, never past the standby's position, and never back. */
async function advance(sql: SlotSql, flushed: string): Promise<void> {
  await sql.rows(
    `SELECT pg_replication_slot_advance(slot_name, $2::pg_lsn) FROM pg_replication_slots
     WHERE slot_name = $1 AND confirmed_flush_lsn < $2::pg_lsn`,
    [slotName, flushed],
    advanceTimeoutMs,
  );
}

/**
 * Whether the slot reaches back to this position, so that nothing after it is missing from the
 * ledger.
 */
export function reachesBackTo(state: SlotState, position: Position): boolean {
  return state.state === 'kept' && compareLsn(state.confirmedLsn, lsnOf(position)) <= 0;
}

function compareLsn(a: string, b: string): number {
  const [x, y] = [lsnNumber(a), lsnNumber(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function lsnNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

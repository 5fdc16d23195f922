import { type Position, positionOf } from '@throwover/client';
import pg from 'pg';
import { isThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { closeDatabase } from './fence.ts';
import type { Side } from './side.ts';

/**
 * Pause between two looks at pg_is_in_recovery(), ms. `pg_promote(true)` looks every 100 ms
 * instead.
 */
const promotePollMs = 2;

/**
 * Longest promotion, ms: the received log that is not yet replayed is replayed first; within the
 * port's 15 s.
 */
const promoteTimeoutMs = 13_000;

const promoteQuery = `
  SELECT standby,
    CASE WHEN standby AND ($1::text IS NULL OR mod(system_identifier + 2 ^ 64::numeric, 2 ^ 64::numeric)::numeric(20) = $1::numeric)
      THEN pg_promote(false) END AS told
  FROM pg_is_in_recovery() AS standby, pg_control_system()`;

/**
 * Runs the statement of a promotion for a cluster that does not exist, so that it promotes nothing:
 * its first run on a connection is slower. This only saves time, so a refusal is left to the
 * promotion itself.
 */
export async function rehearsePromotion({ sql }: Side): Promise<void> {
  try {
    await sql.rows(promoteQuery, ['-1']);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) && !isThrowoverError(error)) throw error;
  }
}

/**
 * Promotes this database: afterwards it takes writes, on a new timeline. A primary that was
 * promoted before returns the same answer again, without the next transaction id: by now new
 * transactions may have ids that the old side had given to others, and a token with such an id must
 * not count as satisfied.
 */
export async function promoteDatabase(
  side: Side,
  { identifier }: { identifier: string | null },
): Promise<{ timeline: number; switchPosition: Position; nextXid: string | null }> {
  const { standby, told } = await side.sql.row<{ standby: boolean; told: boolean | null }>(
    promoteQuery,
    [identifier],
  );
  if (standby && told === null) {
    throw refuse(side, `it is not of cluster ${identifier} any more`, { identifier });
  }
  if (!standby) {
    const switched = await newestSwitch(side);
    await settleDoor(side);
    return { ...switched, nextXid: null };
  }
  const switched = await newestSwitch(side);
  // A separate statement, because the snapshot of the one that saw the end of recovery may be older
  // than that end.
  const { nextXid } = await side.sql.row<{ nextXid: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS "nextXid"',
  );
  await settleDoor(side);
  return { ...switched, nextXid };
}

/** Does now what the door could not do on a standby, before the promotion is reported. */
async function settleDoor(side: Side): Promise<void> {
  if (!(await side.door.promoted())) await closeDatabase(side, { openTransactionsMs: 0 });
}

// Reads the timeline's history file. Its name comes from the log, because the control file is out
// of date after a promotion.
const historyQuery = `
  SELECT CASE WHEN standby THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END AS name,
    CASE WHEN standby THEN NULL ELSE coalesce(pg_read_file(
      'pg_wal/' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) || '.history', 0, $1, true), '') END AS history
  FROM pg_is_in_recovery() AS standby`;

/** Bytes of a history file that are read: it has a line of about 50 bytes for each promotion. */
const maxHistoryBytes = 1024 * 1024;

/**
 * Waits until the database writes, and reads where its timeline began: parent and position in the
 * history's last line.
 */
async function newestSwitch(side: Side) {
  const { sql, clock } = side;
  const deadline = clock.monotonicMs() + promoteTimeoutMs;
  for (;;) {
    const { name, history } = await sql.row<{ name: string | null; history: string | null }>(
      historyQuery,
      [maxHistoryBytes],
    );
    if (name !== null && history !== null) return switchIn(side, name, history);
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-unreachable',
        `${side.config.region}: the promotion goes on, and has not ended after ${promoteTimeoutMs} ms`,
      );
    }
    await clock.sleep(promotePollMs);
  }
}

function switchIn(side: Side, name: string, history: string) {
  const timeline = Number.parseInt(name, 16);
  if (timeline === 1) throw refuse(side, 'it is the first primary and was never promoted', {});
  const last = history
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line))
    .findLast((match) => match !== null);
  if (last?.[1] === undefined || last[2] === undefined) {
    throw new Error(`pg_wal/${name}.history has no line that says where the timeline began`);
  }
  return { timeline, switchPosition: positionOf(Number(last[1]), last[2]) };
}

function refuse(side: Side, why: string, evidence: Readonly<Record<string, unknown>>) {
  return postgresErrors.make(
    'database-refused',
    `${side.config.region}'s database is not promoted: ${why}`,
    evidence,
  );
}

import { positionOf } from '../position.ts';
import { lastRow, oneRow, type Queryable } from '../sql.ts';
import { sessionLives } from '../sqlstate.ts';
import type { Token } from './token.ts';

/**
 * The timeline is read from the log file's name: for a while after a promotion the control file
 * still has the old one.
 */
const positionQuery = `SELECT pg_current_wal_insert_lsn()::text AS lsn,
  ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline,
  current_setting('wal_block_size')::int AS "blockBytes",
  pg_size_bytes(current_setting('wal_segment_size'))::text AS "segmentBytes"`;

interface PositionRow {
  readonly lsn: string;
  readonly timeline: number;
  readonly blockBytes: number;
  readonly segmentBytes: string;
}

/**
 * Returns the id of the transaction that is open on `client`, 64 bits in decimal; `null` as long as
 * it wrote nothing.
 *
 * Call it inside the transaction, after its last write: afterwards nobody can say which id it had.
 */
export async function transactionId(client: Queryable): Promise<string | null> {
  const query = 'SELECT pg_current_xact_id_if_assigned()::text AS xid';
  return (await oneRow<{ xid: string | null }>(client, query)).xid;
}

/**
 * Returns a token for everything that was committed on this writer before the call.
 *
 * `xid` is the write's own id (`transactionId`). A token without one can be waited for; but when a
 * failover leaves its timeline before the write, nobody can say whether the write survived.
 */
export async function tokenAfter(client: Queryable, xid: string | null = null): Promise<Token> {
  return tokenOf(await oneRow<PositionRow>(client, positionQuery), xid);
}

export interface Written<T> {
  readonly result: T;
  /** `null` when the transaction wrote nothing: there is nothing to wait for. */
  readonly token: Token | null;
}

/**
 * Runs `work` between BEGIN and COMMIT and returns the token of its writes. Costs one round trip
 * more than a plain transaction, to ask for the id. An error of `work` rolls back and is passed on.
 *
 * When the reply to COMMIT is lost, the error of the connection is passed on and the outcome is
 * unknown; `createWriter` finds it out.
 */
export async function writeWithToken<C extends Queryable, T>(
  client: C,
  work: (client: C) => Promise<T>,
): Promise<Written<T>> {
  await client.query('BEGIN');
  let result: T;
  let xid: string | null;
  try {
    result = await work(client);
    xid = await transactionId(client);
  } catch (error) {
    // A broken connection is rolled back by its server.
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
  const ended = await commit(client, xid);
  if (ended.how === 'committed') return { result, token: ended.token };
  throw ended.error;
}

/**
 * How a COMMIT ended. `unclear`: no reply, or the session was ended; the COMMIT may have taken
 * effect.
 */
export type Committed =
  | { readonly how: 'committed'; readonly token: Token | null }
  | { readonly how: 'aborted'; readonly error: unknown }
  | { readonly how: 'unclear'; readonly error: unknown };

/** Sends COMMIT and reads the position after it in the same round trip. Never throws. */
export async function commit(client: Queryable, xid: string | null): Promise<Committed> {
  try {
    if (xid !== null) return { how: 'committed', token: await commitAndLook(client, xid) };
    await client.query('COMMIT');
    return { how: 'committed', token: null };
  } catch (error) {
    if (!sessionLives(error)) return { how: 'unclear', error };
    return xid === null ? { how: 'aborted', error } : whichFailed(client, xid, error);
  }
}

async function commitAndLook(client: Queryable, xid: string): Promise<Token> {
  return tokenOf(await lastRow<PositionRow>(client, `COMMIT; ${positionQuery}`), xid);
}

/**
 * Finds out which of the two statements failed. The session goes on, so the transaction has ended.
 */
async function whichFailed(client: Queryable, xid: string, error: unknown): Promise<Committed> {
  try {
    const query = 'SELECT pg_xact_status($1::text::xid8) AS status';
    const { status } = await oneRow<{ status: string | null }>(client, query, [xid]);
    if (status === 'aborted') return { how: 'aborted', error };
    if (status !== 'committed') return { how: 'unclear', error };
    return { how: 'committed', token: await tokenAfter(client, xid) };
  } catch {
    return { how: 'unclear', error };
  }
}

function tokenOf(row: PositionRow, xid: string | null): Token {
  return { position: positionOf(row.timeline, endOfRecords(row)), xid };
}

/**
 * Bytes of the header of a log page, and of the header of a file's first page (PostgreSQL,
 * xlog_internal.h).
 */
const pageHeaderBytes = 24n;
const fileHeaderBytes = 40n;

/**
 * Returns the insert position, without a page header that has no record behind it yet.
 *
 * After a record that ends with its page, PostgreSQL returns the place of the next record: past the
 * header of a page that does not exist yet. A standby that has replayed everything is before that
 * header, and would wait in vain for an idle writer (one commit in about 1000).
 */
export function endOfRecords(row: Omit<PositionRow, 'timeline'>): string {
  const { lsn, blockBytes, segmentBytes } = row;
  const [high = '0', low = '0'] = lsn.split('/');
  const bytes = (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
  const inPage = bytes % BigInt(blockBytes);
  const inFile = bytes % BigInt(segmentBytes);
  const header = inFile === inPage ? fileHeaderBytes : pageHeaderBytes;
  if (inPage !== header) return lsn;
  const end = bytes - header;
  return `${(end >> 32n).toString(16)}/${(end & 0xffffffffn).toString(16)}`.toUpperCase();
}

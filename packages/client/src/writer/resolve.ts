import { type Clock, within } from '../clock.ts';
import { ClientError } from '../errors.ts';
import type { Token } from '../read-your-writes/token.ts';
import { readView } from '../read-your-writes/view.ts';
import { tokenAfter } from '../read-your-writes/write.ts';
import { oneRow, type Queryable } from '../sql.ts';
import { saysAway } from '../sqlstate.ts';
import type { Connection, Pool, WriterClient } from './pool.ts';
import { type Claim, claimToken, type SettleReason, settle } from './settle.ts';
import { readLastCheckpoint } from './standing.ts';

/** Pause between two looks at a transaction that has not ended, ms. */
const pauseMs = 10;

/** How long an abandoned session may stay in its transaction before it is ended, ms. */
const abandonedMs = 300;

export type Resolved =
  | { readonly how: 'committed'; readonly token: Token }
  | { readonly how: 'not-committed' }
  | { readonly how: 'unknown'; readonly token: Token; readonly reason: SettleReason };

/**
 * Finds out how a transaction ended whose COMMIT got no reply, by its id on the current writer.
 *
 * Its session may still be open and keep the id in progress, because the server has not noticed
 * that the network connection is gone. That session is then ended, unless it waits for a
 * synchronous standby.
 */
export async function resolveCommit<C extends WriterClient>(
  claim: Claim,
  { pool, clock, resolveMs }: { pool: Pool<C>; clock: Clock; resolveMs: number },
): Promise<Resolved> {
  const started = clock.monotonicMs();
  const left = () => started + resolveMs - clock.monotonicMs();
  let reason: SettleReason = 'no-writer';
  while (left() > 0) {
    const abandoned = clock.monotonicMs() - started > abandonedMs;
    const look = await lookAt(claim, { pool, clock, leftMs: left(), abandoned });
    if (look !== null) {
      if (look.how === 'committed' || look.how === 'not-committed') return look;
      reason = look.reason;
      if (look.how === 'unknown') return unknownOf(claim, reason);
    }
    await clock.sleep(pauseMs);
  }
  return unknownOf(claim, reason);
}

/**
 * After a restart the id may belong to another transaction, so the token carries no id: it must not
 * decide later either.
 */
function unknownOf(claim: Claim, reason: SettleReason): Resolved {
  const token = claimToken(claim);
  return {
    how: 'unknown',
    reason,
    token: reason === 'restarted' ? { ...token, xid: null } : token,
  };
}

type Look =
  | { readonly how: 'committed'; readonly token: Token }
  | { readonly how: 'not-committed' }
  | { readonly how: 'wait' | 'unknown'; readonly reason: SettleReason };

/**
 * One look over one connection; `null` when there is no writer, or when it went away during the
 * look.
 */
async function lookAt<C extends WriterClient>(
  claim: Claim,
  options: { pool: Pool<C>; clock: Clock; leftMs: number; abandoned: boolean },
): Promise<Look | null> {
  const { pool, clock, leftMs, abandoned } = options;
  let connection: Connection<C>;
  try {
    connection = await pool.acquire(leftMs, true);
  } catch (error) {
    if (error instanceof ClientError && error.code === 'no-writer') return null;
    throw error;
  }
  try {
    const look = await within(clock, leftMs, lookOver(connection, claim, abandoned));
    if (look === 'late') {
      pool.drop(connection);
      return null;
    }
    pool.release(connection);
    return look;
  } catch (error) {
    pool.drop(connection);
    if (!saysAway(error)) throw error;
    return null;
  }
}

async function lookOver<C extends WriterClient>(
  { client, incarnation }: Connection<C>,
  claim: Claim,
  abandoned: boolean,
): Promise<Look> {
  const view = await readView(client, claim.xid);
  const checkpoint = await readLastCheckpoint(client);
  const settled = settle(claim, { view, incarnation, checkpoint });
  switch (settled.how) {
    case 'committed':
      await confirmDurable(client);
      return { how: 'committed', token: await tokenAfter(client, claim.xid) };
    case 'not-committed':
      return { how: 'not-committed' };
    case 'wait':
      if (abandoned && settled.reason === 'in-progress') await endSessionOf(client, claim.xid);
      return { how: 'wait', reason: settled.reason };
    case 'unknown':
      return { how: 'unknown', reason: settled.reason };
  }
}

/**
 * Waits until the commit is durable on the synchronous standbys, where there are any: a session
 * that is ended while it waits for a standby has committed on this server only. A small write after
 * it waits for everything before it.
 */
async function confirmDurable(client: Queryable): Promise<void> {
  const { names } = await oneRow<{ names: string }>(
    client,
    `SELECT current_setting('synchronous_standby_names') AS names`,
  );
  if (names === '') return;
  await client.query(`SELECT pg_logical_emit_message(true, 'throwover', 'confirm')`);
}

/**
 * Ends the session that holds the id. The id names exactly one session, and a role may end its own.
 */
async function endSessionOf(client: Queryable, xid: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE usename = current_user AND backend_xid = $1::text::xid8::xid
       AND wait_event IS DISTINCT FROM 'SyncRep' AND pid <> pg_backend_pid()`,
    [xid],
  );
}

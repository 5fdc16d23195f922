/**
 * Writes reach the current writer once; otherwise the application gets an error that says so.
 *
 *   writer.ts          a transaction, from its hold to its outcome
 *   pool.ts            connections of the current epoch, and the queue for them
 *   standing.ts        may this connection be written to
 *   first-writable.ts  finds the writer among several targets
 *   resolve.ts         finds out how a transaction ended whose COMMIT got no reply
 *   settle.ts          the decision for resolve.ts; pure
 *
 * W1  nothing is written over a connection of an epoch older than the newest one seen
 * W2  a transaction is run again only when it cannot have committed
 * W3  an outcome that nobody can know is raised as `outcome-unknown`, with a token to ask again
 */
import { type Clock, machineClock, within } from '../clock.ts';
import { NoWriter, OutcomeUnknown } from '../errors.ts';
import type { Token } from '../read-your-writes/token.ts';
import { commit, transactionId } from '../read-your-writes/write.ts';
import { saysAway, sqlState } from '../sqlstate.ts';
import { type Accept, type Connection, Pool, type WriterClient } from './pool.ts';
import { resolveCommit } from './resolve.ts';
import { claimToken } from './settle.ts';

export interface WriterOptions<C> {
  /**
   * Returns a connected client of the current writer: `firstWritable(...)`, or your own function.
   * It is called for each new connection, so its answer may change. `accept` tells whether a client
   * is the current writer.
   */
  readonly open: (accept: Accept<C>) => Promise<C>;
  /**
   * Ends a client at once, without waiting for its server. Default: `end()`, then the socket is
   * destroyed.
   */
  readonly discard?: (client: C) => void;
  /** Connections at most; default 10, as in `pg`. */
  readonly size?: number;
  /**
   * Longest time a transaction is held, ms; default 10000: a planned switch has a deadline of 10 s.
   */
  readonly holdMs?: number;
  /** Longest queue of waiting transactions; default 1000. */
  readonly queueLimit?: number;
  /** Longest search for the outcome of an interrupted COMMIT, ms; default 10000. */
  readonly resolveMs?: number;
  /**
   * Longest wait for the reply to a COMMIT, ms; default 5000. Raise it where commits wait for a
   * slow standby.
   */
  readonly commitMs?: number;
  readonly clock?: Clock;
  readonly onEvent?: (event: WriterEvent) => void;
}

/** Events of a writer, for a log or a metric. */
export type WriterEvent =
  | { readonly type: 'away'; readonly cause: unknown }
  | { readonly type: 'writer'; readonly epoch: bigint; readonly timeline: number }
  | { readonly type: 'run-again'; readonly attempt: number; readonly cause: unknown }
  | {
      readonly type: 'resolved';
      readonly outcome: 'committed' | 'not-committed' | 'unknown';
      readonly xid: string;
      readonly tookMs: number;
    };

export interface TransactionOptions {
  /** Default `BEGIN`. */
  readonly begin?: string;
  /** Whether `work` may be called again after an attempt that cannot have committed; default true. */
  readonly again?: boolean;
}

export interface Transacted<T> {
  readonly result: T;
  /** `null` when nothing was written. */
  readonly token: Token | null;
  /** Epoch in which the transaction committed, as far as the connection knew. */
  readonly epoch: bigint;
  /** How often `work` was called. */
  readonly attempts: number;
}

export interface Writer<C> {
  /**
   * Runs `work` in a transaction on the current writer. While there is no writer, the transaction
   * is held.
   *
   * `work` may be called several times, each time in a new transaction: its effects outside the
   * database must be safe to repeat. If they are not, set `again: false`.
   */
  transaction<T>(
    work: (client: C) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<Transacted<T>>;
  /** Newest epoch seen; `null` before the first connection. */
  readonly epoch: bigint | null;
  /**
   * Reports an epoch heard of elsewhere, for example in the header `throwover-epoch`. Ends older
   * connections.
   */
  noticeEpoch(epoch: bigint): void;
  /** Ends the connections; those in a transaction end after it. Waiting callers get `NoWriter`. */
  close(): void;
}

const defaults = {
  size: 10,
  holdMs: 10_000,
  queueLimit: 1_000,
  resolveMs: 10_000,
  commitMs: 5_000,
};

/**
 * Longest time to open a connection with its three queries, ms; the client's own timeout should be
 * shorter.
 */
const openMs = 5_000;

/** Longest wait for a ROLLBACK, ms; a connection that does not answer by then is dropped. */
const rollbackMs = 2_000;

/** First and longest pause before a transaction is run again, ms. */
const firstPauseMs = 5;
const longestPauseMs = 250;

export function createWriter<C extends WriterClient>(options: WriterOptions<C>): Writer<C> {
  const settings: Settings<C> = {
    ...defaults,
    discard: endAtOnce,
    clock: machineClock,
    onEvent: () => {},
    ...options,
  };
  const { onEvent } = settings;
  const pool = new Pool<C>({
    ...settings,
    openMs,
    onAway: (cause) => onEvent({ type: 'away', cause }),
    onWriter: (writer) => onEvent({ type: 'writer', ...writer }),
  });
  return {
    transaction: (work, how = {}) => transact({ pool, settings }, work, how),
    get epoch() {
      return pool.epoch;
    },
    noticeEpoch: (epoch) => pool.noticeEpoch(epoch),
    close: () => pool.close(),
  };
}

type Settings<C> = Required<WriterOptions<C>>;

interface Parts<C extends WriterClient> {
  readonly pool: Pool<C>;
  readonly settings: Settings<C>;
}

async function transact<C extends WriterClient, T>(
  parts: Parts<C>,
  work: (client: C) => Promise<T>,
  { begin = 'BEGIN', again = true }: TransactionOptions,
): Promise<Transacted<T>> {
  const { pool, settings } = parts;
  const { clock, holdMs, onEvent } = settings;
  const started = clock.monotonicMs();
  const left = () => Math.max(0, started + holdMs - clock.monotonicMs());
  for (let attempts = 1; ; attempts++) {
    const connection = await pool.acquire(left());
    const ended = await attempt(parts, connection, work, begin);
    switch (ended.how) {
      case 'committed':
        return { result: ended.result, token: ended.token, epoch: connection.epoch, attempts };
      case 'failed':
        throw ended.error;
      case 'unknown':
        throw ended.error;
      case 'not-committed':
        if (!again || left() === 0) {
          throw new NoWriter('the writer went away before the transaction committed', ended.cause);
        }
        onEvent({ type: 'run-again', attempt: attempts + 1, cause: ended.cause });
        await clock.sleep(Math.min(left(), longestPauseMs, firstPauseMs * 2 ** (attempts - 1)));
    }
  }
}

type Attempt<T> =
  | { readonly how: 'committed'; readonly result: T; readonly token: Token | null }
  /** An error of the application or of its SQL; the writer is healthy. */
  | { readonly how: 'failed'; readonly error: unknown }
  | { readonly how: 'not-committed'; readonly cause: unknown }
  | { readonly how: 'unknown'; readonly error: OutcomeUnknown };

async function attempt<C extends WriterClient, T>(
  parts: Parts<C>,
  connection: Connection<C>,
  work: (client: C) => Promise<T>,
  begin: string,
): Promise<Attempt<T>> {
  const { pool, settings } = parts;
  const { client } = connection;
  let result: T;
  let xid: string | null;
  try {
    await client.query(begin);
    result = await work(client);
    xid = await transactionId(client);
  } catch (error) {
    return beforeCommit(parts, connection, error);
  }
  if (pool.isOutdated(connection)) {
    // W1: this connection's server may still take writes that nobody would ever see. The pool has
    // dropped the connection already, but `discard` may take its time.
    client.query('ROLLBACK').catch(() => {});
    return { how: 'not-committed', cause: new NoWriter('a newer epoch was opened') };
  }
  const ended = await within(settings.clock, settings.commitMs, commit(client, xid));
  if (ended !== 'late' && ended.how !== 'unclear') {
    pool.release(connection);
    return ended.how === 'committed'
      ? { how: 'committed', result, token: ended.token }
      : { how: 'failed', error: ended.error };
  }
  pool.drop(connection);
  const cause =
    ended === 'late' ? new Error(`no answer to COMMIT in ${settings.commitMs} ms`) : ended.error;
  return afterCommit(parts, { connection, xid, result, cause });
}

/**
 * W2: COMMIT was not sent. An error after which the connection still works is the application's
 * own.
 */
async function beforeCommit<C extends WriterClient, T>(
  { pool, settings }: Parts<C>,
  connection: Connection<C>,
  error: unknown,
): Promise<Attempt<T>> {
  const rollback = connection.client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
  const alive = (await within(settings.clock, rollbackMs, rollback)) === true;
  const serverSaysAway = sqlState(error) !== null && saysAway(error);
  if (alive && !serverSaysAway) {
    pool.release(connection);
    return { how: 'failed', error };
  }
  pool.drop(connection);
  return { how: 'not-committed', cause: error };
}

/** COMMIT was sent and got no reply: W2 and W3. */
async function afterCommit<C extends WriterClient, T>(
  { pool, settings }: Parts<C>,
  interrupted: { connection: Connection<C>; xid: string | null; result: T; cause: unknown },
): Promise<Attempt<T>> {
  const { connection, xid, result, cause } = interrupted;
  // Nothing was written, so running it again cannot write anything twice.
  if (xid === null) return { how: 'not-committed', cause };
  const { clock, resolveMs, onEvent } = settings;
  const { timeline, incarnation } = connection;
  const claim = { timeline, xid, incarnation };
  const started = clock.monotonicMs();
  try {
    const resolved = await resolveCommit(claim, { pool, clock, resolveMs });
    const tookMs = clock.monotonicMs() - started;
    onEvent({ type: 'resolved', outcome: resolved.how, xid, tookMs });
    switch (resolved.how) {
      case 'committed':
        return { how: 'committed', result, token: resolved.token };
      case 'not-committed':
        return { how: 'not-committed', cause };
      case 'unknown':
        return {
          how: 'unknown',
          error: new OutcomeUnknown(resolved.token, resolved.reason, cause),
        };
    }
  } catch (error) {
    // The search itself failed, for example for a permission: the outcome is as unknown as before.
    const both = new AggregateError([cause, error], 'the search for the outcome failed');
    return {
      how: 'unknown',
      error: new OutcomeUnknown(claimToken(claim), 'search-failed', both),
    };
  }
}

/**
 * Ends the client politely, in case the server still listens, and then destroys the socket without
 * waiting.
 */
function endAtOnce(client: WriterClient): void {
  client.end().catch(() => {});
  const { connection } = client as { connection?: { stream?: { destroy?: () => void } } };
  connection?.stream?.destroy?.();
}

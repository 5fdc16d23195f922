/** The database client that `processOnce` needs; a `pg` Client or PoolClient fits. */
export interface SqlClient {
  query(text: string, values: unknown[]): Promise<{ rowCount: number | null }>;
}

export type Processed<T> =
  | { readonly duplicate: false; readonly result: T }
  | { readonly duplicate: true };

export interface ProcessOnceOptions {
  /** Table of the ids, also `schema.table`; default `throwover_events`. */
  readonly table?: string;
}

const defaultTable = 'throwover_events';

/** A name that PostgreSQL takes without quotes, with a schema or without. */
const plainName = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/;

/**
 * Does `work` once for each event id (A3): the id and the effect of `work` are in one transaction.
 *
 * Call it between your own BEGIN and COMMIT, with the same client that `work` uses: either both are
 * kept or neither is. Prevents the double payment when a webhook is delivered again: after a lost
 * answer, after a replay, after a failover. A second delivery at the same time waits in the INSERT
 * for the first transaction and is a duplicate if that commits. An error of `work` is passed on:
 * roll back, answer 5xx, and the event is delivered again.
 *
 * It creates no table. Create this one in the same database as the effects, so that it fails over
 * with them:
 *
 *     CREATE TABLE throwover_events (
 *       event_id     text PRIMARY KEY,
 *       processed_at timestamptz NOT NULL DEFAULT clock_timestamp()
 *     );
 *
 * Any table will do if its primary key is `event_id text` and its other columns have defaults. Keep
 * ids at least as long as the gateway keeps delivered events (72 h or more). Under REPEATABLE READ
 * and SERIALIZABLE a concurrent duplicate can fail with SQLSTATE 40001 instead: roll back and
 * answer 5xx; the next delivery is recognised as a duplicate.
 */
export async function processOnce<T>(
  client: SqlClient,
  eventId: string,
  work: () => Promise<T>,
  options: ProcessOnceOptions = {},
): Promise<Processed<T>> {
  const table = options.table ?? defaultTable;
  if (!plainName.test(table)) throw new RangeError(`not a plain table name: ${table}`);
  if (eventId === '') throw new RangeError('an event without an id cannot be processed once');
  const { rowCount } = await client.query(
    `INSERT INTO ${table} (event_id) VALUES ($1) ON CONFLICT (event_id) DO NOTHING`,
    [eventId],
  );
  if (rowCount === 0) return { duplicate: true };
  return { duplicate: false, result: await work() };
}

import { type Position, positionOf } from '@throwover/client';
import pg from 'pg';

/** Longest wait for a connection, ms; the database is in the same region. */
const connectTimeoutMs = 2_000;

/**
 * Longest wait for one answer, ms; after it the outcome is unknown and the connection is dropped.
 */
const queryTimeoutMs = 5_000;

/**
 * The database cannot take this request now, or the outcome is unknown: the client tries again with
 * the same idempotency key. Never a fault of the request.
 */
export class DatabaseAway extends Error {
  override name = 'DatabaseAway';
}

export type Row = Readonly<Record<string, unknown>>;

/** A connection that one request has exclusively until it gives it back. */
export interface Lease {
  readonly client: pg.ClientBase;
  release(broken: boolean): void;
}

/**
 * Does `work` over a connection and gives the connection back; ends it when an error shows that the
 * database is unreachable.
 */
export async function leased<T>(
  lease: () => Promise<Lease>,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const { client, release } = await lease();
  let away: DatabaseAway | null = null;
  try {
    return await work(client);
  } catch (error) {
    away = databaseAway(error);
    throw away ?? error;
  } finally {
    release(away !== null);
  }
}

/**
 * The single connection of an instance, opened at the first use and again after each loss.
 *
 * A connection is dropped when an error shows that the database is unreachable (fenced, read-only,
 * stopping, silent), so that the next request meets the database in its current state. An instance
 * handles one request at a time, so nothing waits for the connection.
 */
export class Database {
  readonly #options: pg.ClientConfig;
  #client: pg.Client | null = null;

  /** Without options the connection uses `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`. */
  constructor(options: pg.ClientConfig = {}) {
    this.#options = options;
  }

  async connect(): Promise<void> {
    await this.#connected();
  }

  async query(text: string, values: unknown[] = []): Promise<{ rowCount: number; rows: Row[] }> {
    const client = await this.#connected();
    try {
      const { rowCount, rows } = await client.query<Row>(text, values);
      return { rowCount: rowCount ?? 0, rows };
    } catch (error) {
      throw this.#judge(client, error);
    }
  }

  /**
   * Returns the connection itself, for a library. `release(true)` ends it, after an error that
   * shows it is broken.
   */
  async lease(): Promise<Lease> {
    const client = await this.#connected();
    return { client, release: (broken) => broken && this.#drop(client) };
  }

  /**
   * Runs BEGIN, `work`, COMMIT. A COMMIT without an answer is `DatabaseAway`: it may have taken
   * effect.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.query('BEGIN');
    let result: T;
    try {
      result = await work();
    } catch (error) {
      // The server has already rolled back a dropped connection.
      if (this.#client) await this.query('ROLLBACK');
      throw error;
    }
    await this.query('COMMIT');
    return result;
  }

  /**
   * Returns an upper bound of everything committed so far: the current write position of the log.
   * The timeline comes from the WAL file's name, since `pg_control_checkpoint()` lags behind after
   * a promotion.
   */
  async position(): Promise<Position> {
    const { rows } = await this.query(
      'SELECT lsn::text AS lsn, pg_walfile_name(lsn) AS file FROM pg_current_wal_insert_lsn() AS lsn',
    );
    const { lsn, file } = rows[0] ?? {};
    return positionOf(Number.parseInt(String(file).slice(0, 8), 16), String(lsn));
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    const client = new pg.Client({
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: queryTimeoutMs,
      application_name: 'checkout',
      ...this.#options,
    });
    // The server ended it between two requests: the next one opens another.
    client.on('error', () => this.#drop(client));
    try {
      await client.connect();
    } catch (error) {
      throw this.#judge(client, error);
    }
    this.#client = client;
    return client;
  }

  #judge(client: pg.Client, error: unknown): unknown {
    const away = databaseAway(error);
    if (away) this.#drop(client);
    return away ?? error;
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
    client.end().catch(() => {
      // The connection is gone already.
    });
  }
}

/**
 * SQLSTATEs, or their classes, that say "not here, not now". PostgreSQL documentation, appendix A.
 */
const awayStates = [
  '08', // connection exception
  '25006', // read-only transaction: a standby, or a soft fence
  '28', // login rejected: the hard fence in pg_hba.conf
  '40', // transaction rollback: serialization, deadlock, outcome unknown
  '53', // no connections, memory or disk left
  '55000', // recovery is in progress
  '57', // shut down, starting, session ended, query cancelled
];

/**
 * No answer (socket closed, refused, timed out) counts as unreachable; an answer counts by its
 * SQLSTATE.
 */
export function databaseAway(error: unknown): DatabaseAway | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof pg.DatabaseError) {
    const { code = '' } = error;
    if (!awayStates.some((state) => code.startsWith(state))) return null;
    return new DatabaseAway(`${code}: ${error.message}`, { cause: error });
  }
  return new DatabaseAway(error.message, { cause: error });
}

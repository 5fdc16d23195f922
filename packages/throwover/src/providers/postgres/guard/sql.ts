import { createHash } from 'node:crypto';
import pg from 'pg';
import { postgresErrors } from '../errors.ts';

/** Time for a connection to the database beside us, ms: it stands on this machine. */
const connectTimeoutMs = 1_500;

/** Time for one statement of a status or a command, ms; below the port's own deadline of 2 s. */
const statementTimeoutMs = 1_500;

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
}

/** SQLSTATE classes and codes that say "no answer" and not "no": connection errors, shutdown, starting up. */
const noAnswer = /^(08|57P0[1-5])/;

/**
 * One connection that is kept, and opened again when it broke. Statements wait for each other; those that
 * wait when it breaks fail with the one that it broke under, so that a frozen server is waited for once.
 */
export class Sql {
  readonly #login: Login;
  #connection: Promise<pg.Client> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** How often it broke. */
  #broken = 0;

  constructor(login: Login) {
    this.#login = login;
  }

  /** Rows of one statement, or of the last of several; `database-unreachable` when there was no answer, PostgreSQL's own error otherwise. */
  rows<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    timeoutMs = statementTimeoutMs,
  ): Promise<Row[]> {
    const broken = this.#broken;
    const result = this.#last.then(() => {
      if (this.#broken !== broken) throw this.#unreachable(new Error('the connection broke'));
      return this.#send<Row>(text, values, timeoutMs);
    });
    this.#last = result.catch(() => {});
    return result;
  }

  async #send<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]> {
    let client: pg.Client | null = null;
    try {
      client = await this.#client();
      // A statement with values is planned once a connection: planning a status takes longer than running it.
      const name = values.length > 0 ? { name: nameOf(text) } : {};
      const config = { ...name, text, values: [...values], query_timeout: timeoutMs };
      const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(config);
      return [results].flat().at(-1)?.rows ?? [];
    } catch (error) {
      if (isAnswer(error)) throw error;
      if (client === null) this.#broken += 1;
      else this.#drop(client);
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown) {
    const { host, port } = this.#login;
    const message = error instanceof Error ? error.message : String(error);
    return postgresErrors.make(
      'database-unreachable',
      `PostgreSQL on ${host}:${port}: ${message}`,
      {},
      error,
    );
  }

  async row<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    timeoutMs = statementTimeoutMs,
  ): Promise<Row> {
    const [row] = await this.rows<Row>(text, values, timeoutMs);
    if (row === undefined) throw new Error(`no row from ${text}`);
    return row;
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    const client = await connection?.catch(() => null);
    await client?.end().catch(() => {});
  }

  #client(): Promise<pg.Client> {
    this.#connection ??= connect(this.#login, (client) => this.#drop(client)).catch((error) => {
      this.#connection = null;
      throw error;
    });
    return this.#connection;
  }

  #drop(client: pg.Client): void {
    this.#connection = null;
    this.#broken += 1;
    // A broken connection is not ended politely: nobody may be there to answer.
    client.end().catch(() => {});
    (
      client as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy();
  }
}

async function connect(login: Login, onBroken: (client: pg.Client) => void): Promise<pg.Client> {
  const client = clientFor(login);
  client.on('error', () => onBroken(client));
  await client.connect();
  return client;
}

export function clientFor(
  login: Login,
  extra: { readonly replication?: 'true'; readonly connectionTimeoutMillis?: number } = {},
): pg.Client {
  const config = {
    ...login,
    // An empty password is sent only when it is asked for; it keeps ~/.pgpass and PGPASSWORD out.
    password: login.password ?? '',
    application_name: 'throwover-guard',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    ...extra,
  };
  return new pg.Client(config);
}

/**
 * Whether the database refuses this role's login before it looks at a password, as a `reject` line does
 * (28000, invalid_authorization_specification). A wrong password (28P01) or a session means that it is open.
 */
export async function loginIsRefused(login: Login): Promise<boolean> {
  const client = clientFor({ ...login, password: login.password ?? 'not-the-password' });
  client.on('error', () => {});
  try {
    await client.connect();
    return false;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code === '28000';
    throw postgresErrors.make(
      'database-unreachable',
      `a login as ${login.user} got no answer: ${error instanceof Error ? error.message : error}`,
      {},
      error,
    );
  } finally {
    await client.end().catch(() => {});
  }
}

/** PostgreSQL cuts names at 63 bytes, so a statement is named by its digest. */
function nameOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

function isAnswer(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !noAnswer.test(error.code ?? '');
}

import { hash } from 'node:crypto';
import pg from 'pg';
import type { LoginsTried } from '../../../authority/authority.ts';
import { type Clock, isThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import type { OwnSessionOptions } from './own-session.ts';

/** Longest time for a connection to the database, ms: it is on this machine. */
const connectTimeoutMs = 1_500;

/**
 * Longest time for one statement of a status or a command, ms; below the port's own deadline of 2
 * s.
 */
const statementTimeoutMs = 1_500;

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  /**
   * The settings of the session (own-session.ts), with and without those that only a superuser may
   * set. Default: the server's settings.
   */
  readonly options?: OwnSessionOptions;
}

/**
 * Other connections, and the action, for the case that the server has no connection left for this
 * one.
 */
export interface WhenFull {
  readonly clock: Clock;
  /** Connections of the same guard: the first open one is used. */
  readonly lenders: () => readonly Sql[];
  /** Called if none is open: ends a session that can be spared. Returns false if there is none. */
  readonly makeRoom: () => Promise<boolean>;
}

/**
 * How long a full server is not asked again for a separate connection while another one is lent,
 * ms.
 */
const fullPauseMs = 1_000;

/** How often room is made for one connection: an application may take a free place first. */
const roomTries = 5;

/** SQLSTATE too_many_connections; it also means "the rest is reserved". */
const tooManyConnections = '53300';

/**
 * SQLSTATE insufficient_privilege: the role is no superuser, and may not set some of the guard's
 * settings.
 */
const insufficientPrivilege = '42501';

/**
 * SQLSTATE classes and codes that mean "no answer" and not "no": connection errors, shutdown,
 * starting up.
 */
const noAnswer = /^(08|57P0[1-5])/;

/**
 * One connection that is kept, and opened again after it broke. Statements wait for each other. If
 * the connection breaks, the waiting statements fail together with the current one, so that the
 * guard waits for a frozen server only once. On a full server, statements use another connection of
 * the same guard.
 */
export class Sql {
  readonly #login: Login;
  readonly #whenFull: WhenFull | null;
  /** The connection is open now. */
  #open = false;
  /** Until this time the server counts as full, monotonic ms. */
  #fullUntilMs = Number.NEGATIVE_INFINITY;
  #connection: Promise<pg.Client> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** How often the connection broke. */
  #broken = 0;

  constructor(login: Login, whenFull: WhenFull | null = null) {
    this.#login = login;
    this.#whenFull = whenFull;
  }

  /**
   * Returns the object whose connection is used now: this one, or another of the guard's while the
   * server is full. For work that must stay on one connection.
   */
  async standIn(): Promise<Sql> {
    const lender = this.#lender();
    if (lender !== null) return lender;
    try {
      await this.#client();
    } catch (error) {
      if (isThrowoverError(error, 'database-full')) return this.#lender() ?? this;
    }
    return this;
  }

  /**
   * Returns another connection, while this one has none because the server was full a moment ago.
   */
  #lender(): Sql | null {
    if (this.#open || this.#whenFull === null) return null;
    if (this.#whenFull.clock.monotonicMs() >= this.#fullUntilMs) return null;
    return this.#whenFull.lenders().find((lender) => lender.#open) ?? null;
  }

  /**
   * Returns the rows of one statement, or of the last of several. Throws `database-unreachable` if
   * there was no answer, PostgreSQL's own error otherwise.
   */
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
    const lender = this.#lender();
    if (lender !== null) return lender.rows<Row>(text, values, timeoutMs);
    try {
      client = await this.#client();
      // A statement with values is planned once per connection, because planning a status takes
      // longer than running it.
      const name = values.length > 0 ? { name: nameOf(text) } : {};
      const config = { ...name, text, values: [...values], query_timeout: timeoutMs };
      const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(config);
      return [results].flat().at(-1)?.rows ?? [];
    } catch (error) {
      if (isAnswer(error)) throw error;
      if (isThrowoverError(error, 'database-full')) {
        const other = this.#lender();
        if (other === null) throw error;
        return other.rows<Row>(text, values, timeoutMs);
      }
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
    this.#open = false;
    const client = await connection?.catch(() => null);
    await client?.end().catch(() => {});
  }

  #client(): Promise<pg.Client> {
    this.#connection ??= this.#connect().then(
      (client) => {
        this.#open = true;
        return client;
      },
      (error) => {
        this.#connection = null;
        throw error;
      },
    );
    return this.#connection;
  }

  /**
   * Makes room if the guard has no connection at all: without one it could neither fence nor
   * promote.
   */
  async #connect(): Promise<pg.Client> {
    for (let tries = 1; ; tries++) {
      try {
        return await connect(this.#login, (client) => this.#drop(client));
      } catch (error) {
        if (!isFull(error)) throw error;
        if (this.#whenFull === null) throw full(this.#login, error);
        const { clock, lenders, makeRoom } = this.#whenFull;
        this.#fullUntilMs = clock.monotonicMs() + fullPauseMs;
        const lent = lenders().some((lender) => lender.#open);
        if (lent || tries > roomTries || !(await makeRoom())) throw full(this.#login, error);
      }
    }
  }

  #drop(client: pg.Client): void {
    this.#connection = null;
    this.#open = false;
    this.#broken += 1;
    // A broken connection is closed without a farewell: the other side may not answer.
    client.end().catch(() => {});
    destroySocket(client);
  }
}

/** Closes the connection without a farewell. `pg` itself waits for the server's end of it. */
export function destroySocket(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/**
 * Opens a session with the settings of its login; of those that only a superuser may set, as many
 * as it may.
 */
export async function connect(
  login: Login,
  onBroken: (client: pg.Client) => void,
): Promise<pg.Client> {
  const attempt = async (superuser: boolean) => {
    const client = clientFor(login, { superuser });
    client.on('error', () => onBroken(client));
    await client.connect();
    return client;
  };
  try {
    return await attempt(true);
  } catch (error) {
    // Not a superuser: connect without the superuser-only settings; the survey reports the possible
    // consequences.
    if ((error as { code?: string }).code !== insufficientPrivilege) throw error;
    return attempt(false);
  }
}

/** Whether the server has no connection left, or only reserved ones. */
export function isFull(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === tooManyConnections;
}

function full({ host, port }: Login, error: unknown) {
  return postgresErrors.make(
    'database-full',
    `PostgreSQL on ${host}:${port} has no connection left for its guard: ${(error as Error).message}`,
    {},
    error,
  );
}

export function clientFor(
  { options, ...login }: Login,
  extra: {
    readonly superuser?: boolean;
    readonly replication?: 'true';
    readonly connectionTimeoutMillis?: number;
  } = {},
): pg.Client {
  const { superuser = false, ...rest } = extra;
  const config = {
    ...login,
    ...(options === undefined ? {} : { options: options({ superuser }) }),
    // An empty password is sent only on request, and keeps ~/.pgpass and PGPASSWORD out.
    password: login.password ?? '',
    application_name: 'throwover-guard',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    ...rest,
  };
  return new pg.Client(config);
}

/**
 * Returns the result of this role's login. refused: before a password is checked, as by a `reject`
 * line (28000, invalid_authorization_specification). admitted: a session, or a wrong password
 * (28P01). unknown: a server that is full or starting refuses every login, which says nothing about
 * the role.
 */
export async function loginOutcome(login: Login): Promise<LoginsTried> {
  const client = clientFor({ ...login, password: login.password ?? 'not-the-password' });
  client.on('error', () => {});
  try {
    await client.connect();
    return 'admitted';
  } catch (error) {
    if (error instanceof pg.DatabaseError) return outcomeOf(error.code ?? '');
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

function outcomeOf(sqlState: string): LoginsTried {
  if (sqlState === '28000') return 'refused';
  return /^(53|57)/.test(sqlState) ? 'unknown' : 'admitted';
}

/** PostgreSQL cuts names at 63 bytes, so a statement is named by its digest. */
function nameOf(text: string): string {
  return hash('sha1', text);
}

function isAnswer(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !noAnswer.test(error.code ?? '');
}

/** Whether this side is a standby now: it replays the log of another one. */
export async function isStandby(sql: Sql): Promise<boolean> {
  const { standby } = await sql.row<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  return standby;
}

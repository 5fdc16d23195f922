import { createHash } from 'node:crypto';
import type pg from 'pg';
import { connect, destroySocket, isFull, type Login, type Sql } from './sql.ts';
import { leaseHolds } from './write-lease.ts';

/**
 * Pause between two looks at the lease, ms: a session may continue this long after the lease has
 * ended.
 */
export const lookEveryMs = 100;

/**
 * Number of looks at an empty row before it counts as no lease: a new writer asks for its first one
 * every 50 ms.
 */
const emptyLooks = 10;

/** Prefix of its session's name; the rest tells which version of the loop runs. */
const namePrefix = 'throwover-lease-';

/**
 * A loop inside the server that ends the application's sessions while there is no lease. It is
 * needed because some writes pass every trigger: large objects, sequences, logical messages, roles
 * and databases, and COMMIT of changes that were checked before. It needs no guard once it runs, so
 * a guard that is stopped or frozen delays nothing. It commits in each round, so that it does not
 * hold back vacuum. If a clock is set back while the loop sleeps, it sleeps longer (pg_sleep uses
 * the wall clock); a running guard notices that and ends the sessions itself.
 */
const watchSql = (roles: readonly string[]) => `
  DO $watch$
  DECLARE
    lease text;
    empty_looks int := 0;
  BEGIN
    LOOP
      SELECT CASE WHEN ${leaseHolds} THEN 'held' ELSE 'over' END INTO lease FROM throwover.writer_lease;
      empty_looks := CASE WHEN lease IS NULL THEN empty_looks + 1 ELSE 0 END;
      IF lease = 'over' OR empty_looks > ${emptyLooks} THEN
        PERFORM pg_terminate_backend(a.pid) FROM pg_stat_get_activity(NULL) a
          JOIN pg_roles r ON r.oid = a.usesysid
          WHERE r.rolname IN (${roles.map((role) => `'${role}'`).join(', ')});
      END IF;
      COMMIT;
      PERFORM pg_sleep(${lookEveryMs / 1_000});
    END LOOP;
  END $watch$`;

const runningSql = `SELECT pid, application_name AS name FROM pg_stat_activity
  WHERE datname = current_database() AND starts_with(application_name, '${namePrefix}')
    AND usename = current_user`;

interface Running {
  readonly pid: number;
  readonly name: string;
}

/**
 * Starts that loop and leaves it running, also after this process has ended, because without a
 * guard the lease is not renewed.
 */
export class LeaseWatch {
  readonly #login: Login;
  readonly #roles: readonly string[];
  readonly #name: string;
  #client: pg.Client | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(login: Login, roles: readonly string[]) {
    this.#login = login;
    this.#roles = roles;
    const digest = createHash('sha256').update(watchSql(roles)).digest('hex');
    this.#name = `${namePrefix}${digest.slice(0, 8)}`;
  }

  async runs(sql: Sql): Promise<boolean> {
    const running = await sql.rows<Running & Record<string, unknown>>(runningSql);
    return running.some(({ name }) => name === this.#name);
  }

  /**
   * Makes sure that a loop of this version runs. Returns false if the server has no connection left for
   * it.
   */
  keep(sql: Sql): Promise<boolean> {
    // Two of the guard's connections may ask at the same time.
    const kept = this.#last.then(() => this.#keep(sql));
    this.#last = kept.catch(() => {});
    return kept;
  }

  async #keep(sql: Sql): Promise<boolean> {
    const running = await sql.rows<Running & Record<string, unknown>>(runningSql);
    const stale = running.filter(({ name }) => name !== this.#name);
    if (stale.length < running.length) {
      await end(sql, stale);
      return true;
    }
    this.letGo();
    const client = await connect(this.#login, () => {}).catch((error) => {
      if (isFull(error)) return null;
      throw error;
    });
    if (client === null) return false;
    this.#client = client;
    // Named before another call looks for running loops.
    await client.query(`SET application_name = '${this.#name}'`);
    // The query resolves when the loop ends; then the next round starts another one.
    client.query(watchSql(this.#roles)).catch(() => {});
    await end(sql, stale);
    return true;
  }

  /** Ends the loop, because the service is not strict any more. */
  async stop(sql: Sql): Promise<void> {
    this.letGo();
    await end(sql, await sql.rows<Running & Record<string, unknown>>(runningSql));
  }

  /** Closes this process's connection; the loop continues. */
  letGo(): void {
    const client = this.#client;
    this.#client = null;
    if (client !== null) destroySocket(client);
  }
}

async function end(sql: Sql, running: readonly Running[]): Promise<void> {
  if (running.length === 0) return;
  const pids = running.map(({ pid }) => pid);
  await sql.rows('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
}

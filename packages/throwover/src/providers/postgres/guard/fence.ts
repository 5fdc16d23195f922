import { readFile } from 'node:fs/promises';
import { type Position, positionOf } from '@throwover/client';
import { isThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { signal } from './postmaster.ts';
import type { Side } from './side.ts';

/** Time between two looks at the sessions that are ending, ms; a session ends in about 1 ms. */
const drainPollMs = 1;

/** How long a login that began before the door closed may go on before it is ended, ms; one takes 2-5 ms. */
const loginGraceMs = 50;

/** Longest time for a reload, or for sessions to end once they were told to, ms: within the port's 15 s. */
const patienceMs = 4_000;

/**
 * The application cannot write here any more, and the position covers everything it wrote (A1).
 *
 * The order is the proof: close the door for new logins, as the server itself acts on it (door.ts); see a
 * login refused; let transactions that had begun by then end, for a bounded time; end every session, and
 * every login that slipped through before the door closed; only then flush and read the position. An
 * application that holds every connection hides the refusal: then it is seen when its sessions are gone,
 * while nobody can write any more. On a standby there is nothing to read: `null`.
 */
export async function closeDatabase(
  side: Side,
  { openTransactionsMs }: { openTransactionsMs: number },
): Promise<Position | null> {
  const { applicationRoles, region } = side.config;
  const { standby, roles } = await side.sql.row<{ standby: boolean; roles: string[] }>(
    `SELECT pg_is_in_recovery() AS standby,
       (SELECT coalesce(array_agg(oid::text), '{}') FROM pg_roles WHERE rolname = ANY($1)) AS roles`,
    [applicationRoles],
  );
  if (roles.length !== applicationRoles.length) {
    throw postgresErrors.make(
      'database-refused',
      `${region}'s database has ${roles.length} of the roles ${applicationRoles.join(', ')}: a fence that misses a writer is none`,
      { applicationRoles },
    );
  }
  const { onDisk } = await side.door.close();
  // Closed when it is promoted, and no earlier (door.ts).
  if (standby && side.door.cannot['close-standby'] !== undefined) return null;
  // Awaited below, with what it proves; until then a failure is not unhandled.
  onDisk.catch(() => {});
  const refusalSeen = await isClosedNow(side);
  await endSessions(side, roles, openTransactionsMs);
  const [position] = await Promise.all([
    standby ? null : flushedPosition(side),
    refusalSeen ? null : untilClosed(side),
    onDisk,
  ]);
  return position;
}

/** One try, while the application still writes: no answer is no proof, and no reason to give up either. */
async function isClosedNow({ door }: Side): Promise<boolean> {
  try {
    return await door.isClosed();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return false;
  }
}

/** Seen when nobody is left who could hide it. */
async function untilClosed({ door, clock, config }: Side): Promise<void> {
  const deadline = clock.monotonicMs() + patienceMs;
  while (!(await door.isClosed())) {
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-refused',
        `logins as ${config.applicationRoles.join(', ')} are still open ${patienceMs} ms after the door was closed`,
      );
    }
    await clock.sleep(drainPollMs);
  }
}

const sessionsQuery = `
  SELECT pid,
    coalesce(usesysid = ANY($1::oid[]), false) AS application,
    -- PostgreSQL 18 shows a session while it logs in, before its role is known.
    backend_type = 'client backend' AND usesysid IS NULL AS "loggingIn",
    CASE WHEN usesysid = ANY($1::oid[]) AND ($2 OR xact_start IS NULL OR xact_start > $3::timestamptz)
      THEN pg_terminate_backend(pid) END
  FROM pg_stat_get_activity(NULL)`;

/** Ends idle sessions and late transactions at once, the ones that had begun after `openTransactionsMs`. */
async function endSessions(
  side: Side,
  roles: readonly string[],
  openTransactionsMs: number,
): Promise<void> {
  const { sql, clock } = side;
  const { now } = await sql.row<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const started = clock.monotonicMs();
  const children = await postmasterChildren(side);
  for (;;) {
    const elapsed = clock.monotonicMs() - started;
    const rows = await sql.rows<{ pid: number; application: boolean; loggingIn: boolean }>(
      sessionsQuery,
      [roles, elapsed >= openTransactionsMs, now],
    );
    const decided = new Set(rows.filter((row) => !row.loggingIn).map((row) => row.pid));
    const loggingIn = await stillLoggingIn(side, children, decided);
    if (elapsed >= loginGraceMs) for (const pid of loggingIn) signal(pid, 'SIGTERM');
    const sessions = rows.filter((row) => row.application).length;
    if (sessions === 0 && loggingIn.length === 0) return;
    if (elapsed > openTransactionsMs + patienceMs) {
      throw postgresErrors.make(
        'database-refused',
        `${sessions} sessions and ${loggingIn.length} logins have not ended ${Math.round(elapsed)} ms after they were told to`,
        { sessions, loggingIn },
      );
    }
    await clock.sleep(drainPollMs);
  }
}

/**
 * Processes of the server that began before the door was seen closed and are not in pg_stat_activity
 * yet: a session that read the old pg_hba.conf can be among them. Only Linux tells; elsewhere
 * PostgreSQL 18 and later show such sessions themselves.
 */
async function stillLoggingIn(
  side: Side,
  children: ReadonlySet<number>,
  decided: ReadonlySet<number>,
): Promise<number[]> {
  const candidates = [...children].filter((pid) => !decided.has(pid));
  if (candidates.length === 0) return [];
  const alive = await postmasterChildren(side);
  const found = await Promise.all(
    candidates.map(async (pid) => {
      if (!alive.has(pid)) return [];
      const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      // The logger is the one process of the server that pg_stat_activity never shows.
      return title === '' || title.includes(': logger') ? [] : [pid];
    }),
  );
  return found.flat();
}

async function postmasterChildren(side: Side): Promise<ReadonlySet<number>> {
  const pid = side.postmaster.pid();
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return new Set(text.split(' ').filter(Boolean).map(Number));
}

/**
 * Where the log ends on disk. The message before it is flushed with everything in front of it, also
 * what a role with `synchronous_commit = off` was told; its end never stands in a page header, as an
 * insert position can, where no standby would ever report it.
 */
async function flushedPosition(side: Side) {
  const { timeline, lsn } = await side.sql.row<{ timeline: string; lsn: string }>(
    `BEGIN; SET LOCAL synchronous_commit = local;
     SELECT pg_logical_emit_message(true, 'throwover', 'fence'); COMMIT;
     SELECT substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) AS timeline,
       pg_current_wal_flush_lsn()::text AS lsn`,
  );
  return positionOf(Number.parseInt(timeline, 16), lsn);
}

import { type Position, positionOf } from '@throwover/client';
import { orNull } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { signal } from './postmaster.ts';
import { postmasterChildren, titleOf } from './room.ts';
import type { Side } from './side.ts';

/** Pause between two looks at the processes that are ending, ms; a session ends in about 1 ms. */
const drainPollMs = 1;

/** Longest pause between two looks at the sessions, ms. */
const longestPauseMs = 20;

/**
 * How long a login that began before the door closed may continue before it is ended, ms; a login
 * takes 2-5 ms.
 */
const loginGraceMs = 50;

/**
 * Pause between two checks of a door that still admits logins, ms: each check is a login, and a
 * line in the server's log.
 */
const closeAgainMs = 100;

/**
 * Longest time for a reload, or for sessions to end after they were told to, ms: within the port's
 * 15 s.
 */
const patienceMs = 4_000;

/**
 * Closes the database: afterwards the application cannot write here any more, and the returned
 * position covers everything it wrote (A1).
 *
 * The order is the proof: (1) close the door for new logins, in force on the server (door.ts); (2)
 * see a login refused; (3) let transactions that had begun by then end, for a bounded time; (4) end
 * every session, and every login that began before the door closed; (5) only then flush and read
 * the position. If the application holds every connection, the refusal cannot be seen in step 2;
 * then it is checked when its sessions are gone, before the position counts. A standby has no such
 * position: `null`.
 */
export async function closeDatabase(
  side: Side,
  { openTransactionsMs, mend = false }: { openTransactionsMs: number; mend?: boolean },
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
  const { onDisk } = await side.door.close({ mend });
  // The door is closed when it is promoted, and not earlier (door.ts).
  if (standby && side.door.cannot['close-standby'] !== undefined) return null;
  // Awaited below, with the rest of the proof; until then a failure must not be an unhandled
  // rejection.
  onDisk.catch(() => {});
  const refusalSeen = await isClosedNow(side);
  await endSessions(side, { roles, openTransactionsMs, mend, doorSeenClosed: refusalSeen });
  const [position] = await Promise.all([
    standby ? null : flushedPosition(side),
    refusalSeen ? null : untilClosed(side, mend),
    onDisk,
  ]);
  return position;
}

/**
 * Tries once, while the application still writes. No answer is no proof, but no reason to give up
 * either.
 */
async function isClosedNow({ door }: Side): Promise<boolean> {
  return (await orNull(() => door.isClosed())) ?? false;
}

/**
 * Repeats the check when no session is left that could hide the refusal. Another program's file may
 * have been loaded meanwhile: then the door is closed again.
 */
async function untilClosed(side: Side, mend: boolean): Promise<void> {
  const { door, clock, config } = side;
  const deadline = clock.monotonicMs() + patienceMs;
  while (!(await door.isClosed())) {
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-refused',
        `logins as ${config.applicationRoles.join(', ')} are still open ${patienceMs} ms after the door was closed`,
      );
    }
    await clock.sleep(closeAgainMs);
    await closeAgain(side, mend);
  }
}

async function closeAgain({ door }: Side, mend: boolean): Promise<void> {
  const { onDisk } = await door.close({ mend });
  await onDisk;
}

const sessionsQuery = `
  SELECT pid,
    coalesce(usesysid = ANY($1::oid[]), false) AS application,
    -- PostgreSQL 18 shows a session while it logs in, before its role is known.
    backend_type = 'client backend' AND usesysid IS NULL AS "loggingIn",
    CASE WHEN usesysid = ANY($1::oid[]) AND ($2 OR xact_start IS NULL OR xact_start > $3::timestamptz)
      THEN pg_terminate_backend(pid) END AS told
  FROM pg_stat_get_activity(NULL)`;

/**
 * Ends idle sessions and transactions that began later at once, and the earlier transactions after
 * `openTransactionsMs`. If new sessions keep coming, another program's file was loaded meanwhile:
 * the door is closed again.
 */
async function endSessions(
  side: Side,
  options: {
    roles: readonly string[];
    openTransactionsMs: number;
    mend: boolean;
    /** A login was refused before. Else somebody may come who is not counted here. */
    doorSeenClosed: boolean;
  },
): Promise<void> {
  const { roles, openTransactionsMs, mend, doorSeenClosed } = options;
  const { sql, clock } = side;
  const { now } = await sql.row<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const started = clock.monotonicMs();
  // Read twice: the list may leave a process out when another one ends while it is read.
  const children = new Set([
    ...(await postmasterChildren(side.postmaster)),
    ...(await postmasterChildren(side.postmaster)),
  ]);
  let nextLookMs = openTransactionsMs + closeAgainMs;
  for (;;) {
    const elapsed = clock.monotonicMs() - started;
    const rows = await sql.rows<SessionRow>(sessionsQuery, [
      roles,
      elapsed >= openTransactionsMs,
      now,
    ]);
    const decided = new Set(rows.filter((row) => !row.loggingIn).map((row) => row.pid));
    const loggingIn =
      children.size === 0
        ? rows.filter((row) => row.loggingIn).map((row) => row.pid)
        : await stillLoggingIn(side, children, decided);
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
    if (elapsed >= nextLookMs) {
      if (!(await isClosedNow(side))) await closeAgain(side, mend);
      nextLookMs = clock.monotonicMs() - started + closeAgainMs;
    }
    const told = rows.filter((row) => row.told);
    const ended = await areGone(side, told);
    // The door was closed before this look, so nobody has come since. The processes must have been
    // seen as the server's: elsewhere than on Linux, or in a container of its own, its numbers say
    // nothing here, and the server is asked.
    const all = told.length === sessions && loggingIn.length === 0;
    if (ended && all && doorSeenClosed && told.every(({ pid }) => children.has(pid))) return;
  }
}

interface SessionRow {
  readonly pid: number;
  readonly application: boolean;
  readonly loggingIn: boolean;
  readonly told: boolean | null;
}

/**
 * Waits until the processes of the sessions that were told to end are gone, for a short time, and
 * returns whether they are: they end sooner when nobody asks the server meanwhile.
 */
async function areGone({ clock }: Side, told: readonly SessionRow[]): Promise<boolean> {
  const untilMs = clock.monotonicMs() + longestPauseMs;
  for (;;) {
    await clock.sleep(drainPollMs);
    if (!told.some(({ pid }) => signal(pid, 0))) return true;
    if (clock.monotonicMs() >= untilMs) return false;
  }
}

/**
 * Titles of the server's own processes that pg_stat_activity never shows; the second one ends with
 * PostgreSQL 14.
 */
const neverShown = /^postgres: (?:.*: )?(?:logger|stats collector)$/;

/**
 * Returns processes of the server that began before the door was seen closed and are not in
 * pg_stat_activity yet: a session that read the old pg_hba.conf can be among them. Only Linux shows
 * them; elsewhere PostgreSQL 18 and later show such sessions themselves.
 */
async function stillLoggingIn(
  side: Side,
  children: ReadonlySet<number>,
  decided: ReadonlySet<number>,
): Promise<number[]> {
  const candidates = [...children].filter((pid) => !decided.has(pid));
  if (candidates.length === 0) return [];
  const alive = await postmasterChildren(side.postmaster);
  const found = await Promise.all(
    candidates.map(async (pid) => {
      if (!alive.has(pid)) return [];
      const title = await titleOf(pid);
      return title === '' || neverShown.test(title) ? [] : [pid];
    }),
  );
  return found.flat();
}

/**
 * Returns a position on disk that covers every commit of the application, also of a role with
 * `synchronous_commit = off`.
 *
 * If the log is on disk up to its end, that end. Otherwise the end of a message of our own, which is
 * flushed together with everything before it. The end of the log alone would not do: after a record
 * that fills its page it is in a page header, and no standby would ever report it. The two positions
 * differ then.
 */
async function flushedPosition({ sql }: Side): Promise<Position> {
  const end = await sql.row<Flushed & { complete: boolean }>(
    `SELECT flushed = pg_current_wal_insert_lsn() AS complete, ${flushedColumns}
     FROM pg_current_wal_flush_lsn() AS flushed`,
  );
  const { timeline, lsn } = end.complete
    ? end
    : await sql.row<Flushed>(
        `BEGIN; SET LOCAL synchronous_commit = local;
         SELECT pg_logical_emit_message(true, 'throwover', 'fence'); COMMIT;
         SELECT ${flushedColumns} FROM pg_current_wal_flush_lsn() AS flushed`,
      );
  return positionOf(Number.parseInt(timeline, 16), lsn);
}

interface Flushed {
  readonly timeline: string;
  readonly lsn: string;
}

const flushedColumns = 'substr(pg_walfile_name(flushed), 1, 8) AS timeline, flushed::text AS lsn';

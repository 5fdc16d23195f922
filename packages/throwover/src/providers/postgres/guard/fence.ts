import { readFile } from 'node:fs/promises';
import { type Position, positionOf } from '@throwover/client';
import { postgresErrors } from '../errors.ts';
import { linesOf } from './host-based-access.ts';
import { signal } from './postmaster.ts';
import type { Side } from './side.ts';
import { loginIsRefused } from './sql.ts';

/** Time between two looks at the sessions that are ending, ms; a session ends in about 1 ms. */
const drainPollMs = 2;

/** How long a login that began before the door closed may go on before it is ended, ms; one takes 2-5 ms. */
const loginGraceMs = 50;

/** Longest time for a reload, or for sessions to end once they were told to, ms: within the port's 15 s. */
const patienceMs = 4_000;

/**
 * The application cannot write here any more, and the position covers everything it wrote (A1).
 *
 * The order is the proof: close the door for new logins; see the server read it; let transactions that
 * had begun by then end, for a bounded time; end every session, and every login that slipped through
 * before the door closed; see a login refused; only then flush and read the position. A login is not
 * tried before the sessions are gone: an application that holds every connection would look open. On a
 * standby there is nothing to read: `null`.
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
  await side.access.close(applicationRoles);
  const onDisk = side.access.sync();
  // Awaited below, with what it proves; until then a failure is not unhandled.
  onDisk.catch(() => {});
  await reload(side);
  await rejectsAreFirst(side);
  await endSessions(side, roles, openTransactionsMs);
  const [position] = await Promise.all([
    standby ? null : flushedPosition(side),
    untilLoginsAreRefused(side),
    onDisk,
  ]);
  return position;
}

/**
 * Lets the application in again. What the server has loaded counts, not what stands in the file: a guard
 * that ended between the two leaves a server that still refuses.
 */
export async function openDatabase(side: Side): Promise<void> {
  const wasClosed = await side.access.open();
  if (wasClosed) await side.access.sync();
  if (side.postmaster.pid() === null) return;
  if (!wasClosed && !(await someLoginIsRefused(side))) return;
  await reload(side);
  await readableRules(side);
}

/** Every login that begins from now on is judged by what stands in pg_hba.conf, if that can be read. */
async function reload({ sql, clock, config }: Side): Promise<void> {
  const { loaded } = await sql.row<{ loaded: string }>(
    'SELECT pg_conf_load_time()::text AS loaded, pg_reload_conf()',
  );
  const deadline = clock.monotonicMs() + patienceMs;
  // The postmaster tells its sessions first, and reads pg_hba.conf before it takes another connection.
  const seen = 'SELECT pg_conf_load_time() <> $1::timestamptz AS reloaded';
  while (!(await sql.row<{ reloaded: boolean }>(seen, [loaded])).reloaded) {
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-refused',
        `${config.region}'s database has not read its settings again ${patienceMs} ms after it was told to`,
      );
    }
    await clock.sleep(drainPollMs);
  }
}

interface Rule {
  readonly users: readonly string[] | null;
  readonly method: string | null;
  readonly error: string | null;
  readonly line: number;
}

/** In the order in which they are tried. PostgreSQL keeps the old ones when it cannot read a single line. */
async function readableRules({ watch, config }: Side): Promise<readonly Rule[]> {
  const rules = await watch.rows<Rule & Record<string, unknown>>(
    `SELECT user_name AS users, auth_method AS method, error, line_number AS line
     FROM pg_hba_file_rules`,
  );
  const broken = rules.find(({ error }) => error !== null);
  if (broken === undefined) return rules;
  throw postgresErrors.make(
    'database-refused',
    `${config.region}'s PostgreSQL cannot read line ${broken.line} of pg_hba.conf (${broken.error}), and keeps the rules that it had`,
    { line: broken.line, error: broken.error },
  );
}

/**
 * A refusal is ours: our lines are the first that PostgreSQL reads, for every role. A file that does not
 * let this machine in looks the same to a login from here, and lets the application in from elsewhere.
 */
async function rejectsAreFirst(side: Side): Promise<void> {
  const { applicationRoles, region } = side.config;
  const rules = (await readableRules(side)).slice(0, linesOf(applicationRoles));
  const rejected = new Set(
    rules.flatMap(({ users, method }) => (method === 'reject' ? (users ?? []) : [])),
  );
  const missing = applicationRoles.filter((role) => !rejected.has(role));
  if (missing.length === 0) return;
  throw postgresErrors.make(
    'database-refused',
    `the first lines of ${region}'s pg_hba.conf do not reject ${missing.join(', ')}`,
    { missing },
  );
}

/** Seen from outside as well: this is what an application would meet. */
async function untilLoginsAreRefused(side: Side): Promise<void> {
  const deadline = side.clock.monotonicMs() + patienceMs;
  for (const role of side.config.applicationRoles) {
    while (!(await loginIsRefused(side.applicationLogin(role)))) {
      if (side.clock.monotonicMs() > deadline) {
        throw postgresErrors.make(
          'database-refused',
          `logins as ${role} are still open ${patienceMs} ms after a reload of pg_hba.conf`,
          { role },
        );
      }
      await side.clock.sleep(drainPollMs);
    }
  }
}

async function someLoginIsRefused(side: Side): Promise<boolean> {
  const { applicationRoles } = side.config;
  const refused = await Promise.all(
    applicationRoles.map((role) => loginIsRefused(side.applicationLogin(role))),
  );
  return refused.includes(true);
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
  await side.sql.rows(
    `BEGIN; SET LOCAL synchronous_commit = local;
     SELECT pg_logical_emit_message(true, 'throwover', 'fence'); COMMIT`,
  );
  const { timeline, lsn } = await side.sql.row<{ timeline: string; lsn: string }>(
    `SELECT substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) AS timeline,
       pg_current_wal_flush_lsn()::text AS lsn`,
  );
  return positionOf(Number.parseInt(timeline, 16), lsn);
}

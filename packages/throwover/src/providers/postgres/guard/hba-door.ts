import type { LoginsTried } from '../../../authority/authority.ts';
import { postgresErrors } from '../errors.ts';
import { type Door, type DoorParts, doorPatienceMs, doorPollMs } from './door.ts';
import { type Rule, ruledOut, standsFirstFor } from './hba-rules.ts';
import { HostBasedAccess } from './host-based-access.ts';
import { loginOutcome, type Sql } from './sql.ts';

/**
 * Closes the door with `reject` lines at the top of pg_hba.conf: they refuse before a password is
 * asked for, are not replicated, and are read when the server starts. The rules that the server has
 * loaded count, not those in the file.
 */
export function hbaDoor(parts: DoorParts): Door {
  const { postmaster, sql, hbaFile } = parts;
  const { applicationRoles } = parts.config;
  const access = new HostBasedAccess(() => hbaFile.path());
  return {
    cannot: {},
    look: async () => {
      const [rules, { loaded, sessions }, version] = await Promise.all([
        rulesOf(parts.watch),
        parts.watch.row<{ loaded: string; sessions: number }>(standingQuery, [applicationRoles]),
        access.version(),
      ]);
      const first = standsFirstFor(applicationRoles, rules);
      const broken = rules.find(({ error }) => error !== null);
      return {
        admitted: applicationRoles.filter((role) => broken !== undefined || !first.has(role)),
        refused: ruledOut(applicationRoles, rules),
        sessions,
        unreadable: broken === undefined ? null : `line ${broken.line}: ${broken.error}`,
        rules: version,
        loaded,
      };
    },
    tries: async () => together(await outcomes(parts)),
    close: async ({ mend = false } = {}) => {
      const broken = (await rulesOf(sql)).filter(({ error }) => error !== null);
      if (broken.length > 0) {
        if (!mend) throw unreadable(parts, broken);
        await access.putAside(broken);
      }
      for (let times = 1; ; times++) {
        await access.close(applicationRoles);
        await reload(parts);
        // Another tool may replace our file by its own at any moment.
        const missing = await notFirst(parts);
        if (missing.length === 0) return { onDisk: quietly(access.sync()) };
        if (times === mostWrites) throw notRejected(parts, missing);
      }
    },
    closeBeforeStart: async () => {
      await access.close(applicationRoles);
      await access.sync();
    },
    open: async () => {
      const wasClosed = await access.open();
      if (wasClosed) await access.sync();
      if (postmaster.pid() === null) return;
      // If a guard ended between the file and the reload, the server still refuses logins.
      if (!wasClosed && !(await someLoginIsRefused(parts))) return;
      await reload(parts);
      await readableRules(parts);
    },
    isClosed: () => everyLoginIsRefused(parts),
    promoted: async () => true,
  };
}

/**
 * How often our lines are written, within some ms each, before another program's file counts as the
 * winner.
 */
const mostWrites = 3;

const standingQuery = `
  SELECT pg_postmaster_start_time()::text || ' ' || pg_conf_load_time()::text AS loaded,
    (SELECT count(*)::int FROM pg_stat_get_activity(NULL) a
     WHERE a.usesysid IN (SELECT oid FROM pg_roles WHERE rolname = ANY($1))) AS sessions`;

/** Makes the server judge every later login by the present pg_hba.conf, if it can read the file. */
async function reload({ sql: commands, clock, config }: DoorParts): Promise<void> {
  // Stay on one session, because each session has its own load time.
  const sql = await commands.standIn();
  const { loaded } = await sql.row<{ loaded: string }>(
    'SELECT pg_conf_load_time()::text AS loaded, pg_reload_conf()',
  );
  const deadline = clock.monotonicMs() + doorPatienceMs;
  // The postmaster signals its sessions first, and reads pg_hba.conf before it accepts another
  // connection.
  const seen = 'SELECT pg_conf_load_time() <> $1::timestamptz AS reloaded';
  while (!(await sql.row<{ reloaded: boolean }>(seen, [loaded])).reloaded) {
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-refused',
        `${config.region}'s database has not read its settings again ${doorPatienceMs} ms after it was told to`,
      );
    }
    await clock.sleep(doorPollMs);
  }
}

/** Returns the rules in the order in which they are tried. */
function rulesOf(sql: Sql): Promise<readonly Rule[]> {
  return sql.rows<Rule & Record<string, unknown>>(
    `SELECT to_jsonb(r) ->> 'file_name' AS file, line_number AS line, type, database AS databases,
       user_name AS users, address, auth_method AS method, error
     FROM pg_hba_file_rules r`,
  );
}

/**
 * Returns the rules, or throws if a line cannot be read: then PostgreSQL keeps its earlier rules.
 */
async function readableRules(parts: DoorParts): Promise<readonly Rule[]> {
  const rules = await rulesOf(parts.watch);
  const broken = rules.filter(({ error }) => error !== null);
  if (broken.length > 0) throw unreadable(parts, broken);
  return rules;
}

function unreadable({ config }: DoorParts, [broken]: readonly Rule[]) {
  return postgresErrors.make(
    'database-refused',
    `${config.region}'s PostgreSQL cannot read line ${broken?.line} of pg_hba.conf (${broken?.error}), and keeps the rules that it had`,
    { line: broken?.line, error: broken?.error },
  );
}

/**
 * Returns the application roles that our lines do not refuse first. A refusal is ours only if there
 * are none: a file that does not admit this machine also refuses a login from here, but admits the
 * application from elsewhere.
 */
async function notFirst(parts: DoorParts): Promise<readonly string[]> {
  const { applicationRoles } = parts.config;
  const first = standsFirstFor(applicationRoles, await readableRules(parts));
  return applicationRoles.filter((role) => !first.has(role));
}

function notRejected({ config }: DoorParts, missing: readonly string[]) {
  return postgresErrors.make(
    'database-refused',
    `the first lines of ${config.region}'s pg_hba.conf do not reject ${missing.join(', ')}: somebody else writes that file again and again`,
    { missing },
  );
}

/** Awaited later; until then a failure must not be an unhandled rejection. */
function quietly(work: Promise<void>): Promise<void> {
  work.catch(() => {});
  return work;
}

/** Tested from outside, as an application would log in. */
async function everyLoginIsRefused(parts: DoorParts): Promise<boolean> {
  return (await outcomes(parts)).every((outcome) => outcome === 'refused');
}

async function someLoginIsRefused(parts: DoorParts): Promise<boolean> {
  return (await outcomes(parts)).includes('refused');
}

function outcomes({ config, applicationLogin }: DoorParts): Promise<LoginsTried[]> {
  return Promise.all(config.applicationRoles.map((role) => loginOutcome(applicationLogin(role))));
}

/** One admitted role is enough to write. */
function together(outcomes: readonly LoginsTried[]): LoginsTried {
  if (outcomes.includes('admitted')) return 'admitted';
  return outcomes.includes('unknown') ? 'unknown' : 'refused';
}

import { postgresErrors } from '../errors.ts';
import { type Door, type DoorParts, doorPatienceMs, doorPollMs } from './door.ts';
import { HostBasedAccess, linesOf } from './host-based-access.ts';
import { loginIsRefused } from './sql.ts';

/**
 * `reject` lines at the top of pg_hba.conf: before a password is asked for, not replicated, and read when the
 * server starts. What the server has loaded counts, not what stands in the file.
 */
export function hbaDoor(parts: DoorParts): Door {
  const { config, postmaster } = parts;
  const { postgres, applicationRoles } = config;
  const access = new HostBasedAccess(postgres.hbaFile ?? `${postgres.dataDir}/pg_hba.conf`);
  return {
    cannot: {},
    close: async () => {
      await access.close(applicationRoles);
      const onDisk = access.sync();
      onDisk.catch(() => {});
      await reload(parts);
      await rejectsAreFirst(parts);
      return { onDisk };
    },
    closeBeforeStart: async () => {
      await access.close(applicationRoles);
      await access.sync();
    },
    open: async () => {
      const wasClosed = await access.open();
      if (wasClosed) await access.sync();
      if (postmaster.pid() === null) return;
      // A guard that ended between the file and the reload leaves a server that still refuses.
      if (!wasClosed && !(await someLoginIsRefused(parts))) return;
      await reload(parts);
      await readableRules(parts);
    },
    isClosed: () => everyLoginIsRefused(parts),
    promoted: async () => true,
  };
}

/** Every login that begins from now on is judged by what stands in pg_hba.conf, if that can be read. */
async function reload({ sql, clock, config }: DoorParts): Promise<void> {
  const { loaded } = await sql.row<{ loaded: string }>(
    'SELECT pg_conf_load_time()::text AS loaded, pg_reload_conf()',
  );
  const deadline = clock.monotonicMs() + doorPatienceMs;
  // The postmaster tells its sessions first, and reads pg_hba.conf before it takes another connection.
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

interface Rule {
  readonly users: readonly string[] | null;
  readonly method: string | null;
  readonly error: string | null;
  readonly line: number;
}

/** In the order in which they are tried. PostgreSQL keeps the old ones when it cannot read a single line. */
async function readableRules({ watch, config }: DoorParts): Promise<readonly Rule[]> {
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
async function rejectsAreFirst(parts: DoorParts): Promise<void> {
  const { applicationRoles, region } = parts.config;
  const rules = (await readableRules(parts)).slice(0, linesOf(applicationRoles));
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

/** Seen from outside: this is what an application would meet. */
async function everyLoginIsRefused(parts: DoorParts): Promise<boolean> {
  return !(await refusals(parts)).includes(false);
}

async function someLoginIsRefused(parts: DoorParts): Promise<boolean> {
  return (await refusals(parts)).includes(true);
}

function refusals({ config, applicationLogin }: DoorParts): Promise<boolean[]> {
  return Promise.all(config.applicationRoles.map((role) => loginIsRefused(applicationLogin(role))));
}

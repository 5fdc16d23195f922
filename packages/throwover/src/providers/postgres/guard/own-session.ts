import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The settings of the guard's own sessions. They are sent while a session starts: such settings
 * outrank `ALTER ROLE`, `ALTER DATABASE`, `ALTER ROLE IN DATABASE`, `ALTER SYSTEM` and
 * postgresql.conf, and they are in force before the first statement. Otherwise a team's setting,
 * such as `ALTER ROLE postgres SET default_transaction_read_only = on`, would end a promotion past
 * the point of no return.
 */
const everyVersion: Readonly<Record<string, string>> = {
  role: 'none',
  // Qualified names in every answer, and no function of the application in place of PostgreSQL's
  // own.
  search_path: 'pg_catalog,pg_temp',
  // The guard's statements are carried out unless PostgreSQL itself refuses them; the guard has its
  // own deadlines.
  default_transaction_read_only: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // A commit of the guard is on disk here before the guard reports it, and never waits for a
  // standby, which may be gone.
  synchronous_commit: 'local',
  row_security: 'on',
  default_tablespace: '',
  temp_tablespaces: '',
  default_table_access_method: 'heap',
  check_function_bodies: 'on',
  // The format of values in the guard's own statements.
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  array_nulls: 'on',
  transform_null_equals: 'off',
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  local_preload_libraries: '',
  jit: 'off',
};

/** Settings of later versions: an older server refuses a session that names one. */
const since: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  14: { idle_session_timeout: '0' },
  17: { transaction_timeout: '0' },
};

/**
 * Settings that only a superuser may set. A library that cannot be loaded, or an event trigger that
 * refuses a login or a definition, would keep the guard out.
 */
const superuserOnly = (major: number): Readonly<Record<string, string>> => ({
  session_preload_libraries: '',
  temp_file_limit: '-1',
  // Before 17 only a replica session passes by event triggers, and those set to ALWAYS still fire.
  ...(major >= eventTriggersCanBeOff
    ? { event_triggers: 'off', session_replication_role: 'origin' }
    : { session_replication_role: 'replica' }),
});

/** First version with `event_triggers` and with event triggers on login. */
export const eventTriggersCanBeOff = 17;

/** Oldest supported version, assumed when the version is not known. */
const oldestMajor = 12;

/** Returns the startup message's `options`: `-c name=value`, spaces and backslashes escaped. */
export type OwnSessionOptions = (as: { readonly superuser: boolean }) => string;

/**
 * Returns the session options for a server of this data directory's version, on this side or the
 * other: both have the same version. `except`: settings that the session takes from the server.
 */
export function ownSession(dataDir: string, except: readonly string[] = []): OwnSessionOptions {
  return ({ superuser }) =>
    ownSessionOptions({ major: majorOf(dataDir), superuser })
      .filter(([name]) => !except.includes(name))
      .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, '\\$&')}`)
      .join(' ');
}

function ownSessionOptions(session: {
  readonly major: number | null;
  readonly superuser: boolean;
}): [name: string, value: string][] {
  const version = session.major ?? oldestMajor;
  const newer = Object.entries(since).flatMap(([first, settings]) =>
    version >= Number(first) ? Object.entries(settings) : [],
  );
  return [
    ...Object.entries(everyVersion),
    ...newer,
    ...(session.superuser ? Object.entries(superuserOnly(version)) : []),
  ];
}

/**
 * Returns the major version of a data directory, also while no server runs; `null` if there is
 * none.
 */
export function majorOf(dataDir: string): number | null {
  try {
    return Number.parseInt(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8'), 10);
  } catch {
    return null;
  }
}

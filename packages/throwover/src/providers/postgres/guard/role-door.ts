import { type Door, type DoorParts, doorPatienceMs } from './door.ts';
import { makeOwn } from './own-schema.ts';

/** Where the roles stand that this door has closed: replicated, as they are, so that the other side can open them. */
const tableSql = 'CREATE TABLE IF NOT EXISTS throwover.closed_roles (role name PRIMARY KEY)';

/** Only those that may log in: one that a person has locked out stays so when the door opens. */
const closeSql = (roles: readonly string[]) => `
  DO $do$
  DECLARE open record;
  BEGIN
    PERFORM set_config('synchronous_commit', 'local', true);
    FOR open IN SELECT rolname AS role FROM pg_roles WHERE rolcanlogin
      AND rolname IN (${roles.map((role) => `'${role}'`).join(', ')})
    LOOP
      INSERT INTO throwover.closed_roles VALUES (open.role) ON CONFLICT DO NOTHING;
      EXECUTE format('ALTER ROLE %I NOLOGIN', open.role);
    END LOOP;
  END $do$`;

const openSql = `
  DO $do$
  DECLARE closed record;
  BEGIN
    FOR closed IN DELETE FROM throwover.closed_roles RETURNING role LOOP
      EXECUTE format('ALTER ROLE %I LOGIN', closed.role);
    END LOOP;
  END $do$`;

/**
 * `ALTER ROLE ... NOLOGIN`, for a database whose pg_hba.conf is out of the guard's reach. It is SQL, so it
 * needs a running primary, and it is replicated, so a promotion has to take it back on the new one.
 */
export function roleDoor(parts: DoorParts): Door {
  const { config, postmaster, sql } = parts;
  const { applicationRoles } = config;
  /** A standby that was told to close: done the moment that it leaves recovery. */
  let meantToBeClosed = false;
  const isStandby = async () =>
    (await sql.row<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')).standby;
  const hasTable = async () =>
    (
      await sql.row<{ there: boolean }>(
        `SELECT to_regclass('throwover.closed_roles') IS NOT NULL AS there`,
      )
    ).there;
  const unlock = async () => {
    if (await hasTable()) await sql.rows(openSql, [], doorPatienceMs);
  };
  return {
    cannot: {
      'close-before-start':
        'roles can be changed in a running primary alone: a side that comes back takes logins until its guard has seen it, a second at most',
      'close-standby':
        'roles are replicated, and a standby cannot change its own: after a lossy promotion it takes logins for some milliseconds before its sequences were advanced',
      'one-side-alone':
        'roles are replicated: the standby refuses logins too until the promotion takes that back',
    },
    close: async () => {
      meantToBeClosed = await isStandby();
      if (meantToBeClosed) return { onDisk: Promise.resolve() };
      if (!(await hasTable())) await makeOwn(sql, 'closed roles', tableSql);
      await sql.rows(closeSql(applicationRoles), [], doorPatienceMs);
      return { onDisk: Promise.resolve() };
    },
    closeBeforeStart: async () => {},
    open: async () => {
      meantToBeClosed = false;
      if (postmaster.pid() === null || (await isStandby())) return;
      await unlock();
    },
    // The catalog, not a login: a wrong password is refused before a role that may not log in.
    isClosed: async () => {
      const { open } = await sql.row<{ open: boolean }>(
        'SELECT coalesce(bool_or(rolcanlogin), false) AS open FROM pg_roles WHERE rolname = ANY($1)',
        [applicationRoles],
      );
      return !open;
    },
    promoted: async () => {
      if (meantToBeClosed) return false;
      await unlock();
      return true;
    },
  };
}

import { type Door, type DoorParts, doorPatienceMs } from './door.ts';
import { makeOwn } from './own-schema.ts';
import { isStandby } from './sql.ts';

/**
 * The roles that this door has closed. The table is replicated like the roles, so that the other
 * side can open them.
 */
const tableSql = 'CREATE TABLE IF NOT EXISTS throwover.closed_roles (role name PRIMARY KEY)';

/**
 * Closes only roles that may log in, so that a role that a person has locked out stays locked when
 * the door opens.
 */
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

const standingQuery = `
  SELECT pg_is_in_recovery() AS standby,
    to_regclass('throwover.closed_roles') IS NOT NULL AS kept,
    (SELECT coalesce(array_agg(rolname::text ORDER BY 1), '{}') FROM pg_roles
     WHERE rolcanlogin AND rolname = ANY($1)) AS admitted,
    (SELECT count(*)::int FROM pg_stat_get_activity(NULL) a
     WHERE a.usesysid IN (SELECT oid FROM pg_roles WHERE rolname = ANY($1))) AS sessions`;

const keptQuery = 'SELECT role::text AS role FROM throwover.closed_roles ORDER BY 1';

const openSql = `
  DO $do$
  DECLARE closed record;
  BEGIN
    FOR closed IN DELETE FROM throwover.closed_roles RETURNING role LOOP
      EXECUTE format('ALTER ROLE %I LOGIN', closed.role);
    END LOOP;
  END $do$`;

/**
 * Closes the door with `ALTER ROLE ... NOLOGIN`, for a database whose pg_hba.conf is out of the
 * guard's reach. This is SQL, so it needs a running primary, and it is replicated, so a promotion
 * has to undo it on the new primary.
 */
export function roleDoor(parts: DoorParts): Door {
  const { config, postmaster, sql, watch } = parts;
  const { applicationRoles } = config;
  /** A standby that was told to close; the door closes when the standby leaves recovery. */
  let meantToBeClosed = false;
  const hasTable = async () =>
    (
      await sql.row<{ there: boolean }>(
        `SELECT to_regclass('throwover.closed_roles') IS NOT NULL AS there`,
      )
    ).there;
  const mayLogIn = () =>
    sql.rows<{ role: string }>(
      'SELECT rolname AS role FROM pg_roles WHERE rolcanlogin AND rolname = ANY($1)',
      [applicationRoles],
    );
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
      meantToBeClosed = await isStandby(sql);
      if (meantToBeClosed) return { onDisk: Promise.resolve() };
      if (!(await hasTable())) await makeOwn(sql, 'closed roles', tableSql);
      await sql.rows(closeSql(applicationRoles), [], doorPatienceMs);
      return { onDisk: Promise.resolve() };
    },
    closeBeforeStart: async () => {},
    open: async () => {
      meantToBeClosed = false;
      if (postmaster.pid() === null || (await isStandby(sql))) return;
      await unlock();
    },
    look: async () => {
      const standing = await watch.row<{
        standby: boolean;
        admitted: string[];
        sessions: number;
        kept: boolean;
      }>(standingQuery, [applicationRoles]);
      if (standing.standby) return null;
      const { admitted, sessions } = standing;
      const closed = standing.kept ? await watch.rows<{ role: string }>(keptQuery) : [];
      const rules = JSON.stringify([admitted, closed]);
      // A role that may log in can do so at once: there are no rules to load.
      return {
        ...{ admitted, sessions, rules, loaded: rules, unreadable: null },
        refused: closed.map(({ role }) => role).filter((role) => !admitted.includes(role)),
      };
    },
    // Uses the catalog and not a login: a wrong password is refused before the check whether a role
    // may log in.
    isClosed: async () => (await mayLogIn()).length === 0,
    tries: async () => {
      const open = await mayLogIn();
      return open.length === 0 ? 'refused' : 'admitted';
    },
    promoted: async () => {
      if (meantToBeClosed) return false;
      await unlock();
      return true;
    },
  };
}

import type { DatabaseSurvey, OtherWriter } from '../../../authority/authority.ts';
import { guardLacks } from './guard-needs.ts';
import type { Side } from './side.ts';
import { leaseLeavesOut } from './strict.ts';

/** Most names in an answer: a reader needs examples, not all. */
const maxNames = 20;

/** Longest query of a survey, ms: it reads catalogs, which are large if there are many tables. */
const surveyTimeoutMs = 10_000;

/**
 * Finds those who write, or may write, although a fence closes out the application's roles.
 * Superusers are left out, because they are people and not applications.
 */
export async function surveyDatabase(side: Side): Promise<DatabaseSurvey> {
  const { applicationRoles, region, superuser, replication } = side.config;
  const { reader } = side;
  const ask = async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await reader.rows<Row & Record<string, unknown>>(text, values, surveyTimeoutMs)) as Row[];
  const own = [superuser.user, replication.user];
  const prepared = await ask<{ name: string; role: string }>(preparedQuery);
  const subscriptions = await ask<{ name: string; role: string }>(subscriptionsQuery);
  const workers = await ask<{ name: string }>(workersQuery);
  const roles = await ask<{ role: string; tables: number; example: string }>(rolesQuery, [
    [...applicationRoles, ...own],
  ]);
  const [missing] = await ask<{ names: string[] }>(
    `SELECT coalesce(array_agg(name ORDER BY name), '{}') AS names FROM unnest($1::text[]) AS name
     WHERE name NOT IN (SELECT rolname FROM pg_roles)`,
    [applicationRoles],
  );
  const blind = await ask<{ name: string }>(blindQuery);
  const writers: OtherWriter[] = [
    ...prepared.map(({ name, role }) => ({ kind: 'prepared-transaction' as const, name, role })),
    ...subscriptions.map(({ name, role }) => ({ kind: 'subscription' as const, name, role })),
    ...(await cronJobs(side)).map(({ name, role }) => ({
      kind: 'scheduled-job' as const,
      name,
      role,
    })),
    ...workers.map(({ name }) => ({ kind: 'background-worker' as const, name, role: null })),
    ...roles.map(({ role, tables, example }) => ({
      kind: 'login-role' as const,
      name: `may write ${tables === 1 ? example : `${tables} tables (${example}, ...)`}`,
      role,
    })),
  ];
  return {
    region,
    writers: writers.slice(0, maxNames),
    writersInAll: writers.length,
    missingRoles: missing?.names ?? [],
    blindTables: blind.slice(0, maxNames).map(({ name }) => name),
    blindTablesInAll: blind.length,
    doorCannot: Object.values(side.door.cannot),
    guardLacks: await guardLacks(side),
    leaseLeavesOut: await leaseLeavesOut(side),
  };
}

const preparedQuery = `
  SELECT gid AS name, owner AS role FROM pg_prepared_xacts
  WHERE database = current_database() ORDER BY prepared`;

// Only columns that every role may read: subconninfo is for superusers, and contains passwords.
const subscriptionsQuery = `
  SELECT s.subname AS name, r.rolname AS role FROM pg_subscription s JOIN pg_roles r ON r.oid = s.subowner
  WHERE s.subenabled AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY 1`;

/** Kinds of processes that PostgreSQL itself starts; a process of an extension has another name. */
const workersQuery = `
  SELECT DISTINCT backend_type AS name FROM pg_stat_activity
  WHERE backend_type NOT IN ('client backend', 'autovacuum launcher', 'autovacuum worker', 'background writer',
      'checkpointer', 'startup', 'walreceiver', 'walsender', 'walwriter', 'archiver', 'walsummarizer',
      'slotsync worker', 'parallel worker', 'logical replication launcher', 'logical replication worker',
      'logical replication apply worker', 'logical replication parallel worker',
      'logical replication tablesync worker', 'io worker', 'standalone backend', 'pg_cron launcher')
    AND backend_type NOT LIKE 'pg_prewarm%' AND backend_type NOT LIKE 'autoprewarm%'
  ORDER BY 1`;

/**
 * Login roles that may change a table, themselves or through a group, and that a fence does not
 * close out.
 */
const rolesQuery = `
  SELECT r.rolname AS role, count(*)::int AS tables, min(c.oid::regclass::text) AS example
  FROM pg_roles r CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> ALL($1)
    AND has_database_privilege(r.oid, current_database(), 'CONNECT')
    AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover') AND n.nspname NOT LIKE 'pg\\_%'
    AND has_schema_privilege(r.oid, n.oid, 'USAGE')
    AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
  GROUP BY 1 ORDER BY 1`;

/**
 * Tables without a replica identity: PostgreSQL's log does not say which of their rows was changed
 * or deleted, so the ledger of losses cannot say it either.
 */
const blindQuery = `
  SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover') AND n.nspname NOT LIKE 'pg\\_%'
    AND (c.relreplident = 'n'
      OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
      OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))
  ORDER BY 1`;

/**
 * Returns the jobs that pg_cron runs in this database, except those of a role that a fence closes
 * out. With `cron.use_background_workers` jobs do not log in, so then all of them.
 */
async function cronJobs(side: Side): Promise<readonly { name: string; role: string }[]> {
  const { there, here, workers } = await side.reader.row<{
    there: boolean;
    here: string | null;
    workers: boolean;
  }>(
    `SELECT to_regclass('cron.job') IS NOT NULL AS there, current_setting('cron.database_name', true) AS here,
       coalesce(current_setting('cron.use_background_workers', true), 'off') = 'on' AS workers`,
  );
  if (!there) {
    // pg_cron keeps the jobs of all databases in one of them: from another database they cannot be
    // seen.
    const elsewhere = here !== null && here !== '' && here !== side.config.database;
    return elsewhere ? [{ name: `pg_cron, whose jobs are in database ${here}`, role: 'any' }] : [];
  }
  return side.reader.rows<{ name: string; role: string }>(
    `SELECT 'job ' || jobid || ': ' || left(command, 60) AS name, username AS role FROM cron.job
     WHERE active AND ($2 OR username <> ALL($1)) ORDER BY jobid`,
    [side.config.applicationRoles, workers],
    surveyTimeoutMs,
  );
}

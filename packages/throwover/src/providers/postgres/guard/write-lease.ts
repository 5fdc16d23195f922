import { readFileSync } from 'node:fs';
import type { MachineTime } from '../../../authority/authority.ts';
import type { Clock } from '../../../kernel/kernel.ts';
import { makeOwn } from './own-schema.ts';
import type { Sql } from './sql.ts';

/**
 * Strict mode: the right to write is a row that the database itself checks, in each statement that
 * changes rows of a table, and in each definition (DDL). The row is not logged, so it is empty,
 * hence closed, after a crash and after a promotion. lease-watch.ts handles the writes that no
 * trigger of PostgreSQL sees.
 *
 * Both clocks count: the wall clock, which may be set back, and the time since the machine started,
 * which cannot be set back and continues while the machine sleeps. PostgreSQL reads the latter from
 * /proc/uptime (Linux); elsewhere only the wall clock counts. The check costs 12-20 microseconds
 * per statement, 1-3 of them for the file (20,000 statements in a loop, PostgreSQL 18, two shared
 * cores).
 */
const uptimeFile = '/proc/uptime';

/** Longest wait for a lock on a busy table, ms: the next round tries again. */
const lockTimeoutMs = 2_000;

const installTimeoutMs = 30_000;

/**
 * Tables that check the lease, including partitions, because a statement that names a partition
 * does not fire its parent's trigger.
 */
const checkedTables = `c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover') AND n.nspname NOT LIKE 'pg\\_%'`;

/** The condition on the lease row for a lease that is held. */
export const leaseHolds = `until_wall > clock_timestamp() AND
      (until_boot IS NULL OR until_boot > split_part(pg_read_file('${uptimeFile}', 0, 64), ' ', 1)::float8)`;

const refuseSql = `PERFORM FROM throwover.writer_lease WHERE ${leaseHolds};
    IF NOT FOUND THEN
      RAISE EXCEPTION 'this region has no lease to write' USING ERRCODE = '25006',
        HINT = 'Another region is or becomes active; connect to it.';
    END IF;`;

/**
 * A role that owns its tables could drop the trigger, but that is DDL, and no accident. ALWAYS: the
 * trigger also fires in a session that declares itself a replica.
 */
const installSql = `
  SET LOCAL lock_timeout = ${lockTimeoutMs};
  CREATE UNLOGGED TABLE IF NOT EXISTS throwover.writer_lease (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    until_wall timestamptz NOT NULL,
    until_boot double precision
  );
  CREATE OR REPLACE FUNCTION throwover.must_hold_lease() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
  BEGIN
    ${refuseSql}
    RETURN NULL;
  END $function$;
  CREATE OR REPLACE FUNCTION throwover.must_hold_lease_to_define() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
  BEGIN
    ${refuseSql}
  END $function$;
  CREATE OR REPLACE FUNCTION throwover.check_lease_on(target oid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = target AND t.tgname = 'throwover_lease') THEN
      EXECUTE format('CREATE TRIGGER throwover_lease BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION throwover.must_hold_lease()', target::regclass);
    END IF;
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = target AND t.tgname = 'throwover_lease' AND t.tgenabled <> 'A') THEN
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER throwover_lease', target::regclass);
    END IF;
  END $function$;
  REVOKE EXECUTE ON FUNCTION throwover.check_lease_on(oid) FROM PUBLIC;
  CREATE OR REPLACE FUNCTION throwover.check_lease_on_new_table() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
  BEGIN
    PERFORM throwover.check_lease_on(c.oid)
      FROM pg_event_trigger_ddl_commands() d
      JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE ${checkedTables};
  END $function$;
  -- Dropped first: an older throwover made it for fewer commands.
  DROP EVENT TRIGGER IF EXISTS throwover_lease;
  CREATE EVENT TRIGGER throwover_lease ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE')
    EXECUTE FUNCTION throwover.check_lease_on_new_table();
  DROP EVENT TRIGGER IF EXISTS throwover_lease_ddl;
  CREATE EVENT TRIGGER throwover_lease_ddl ON ddl_command_start
    EXECUTE FUNCTION throwover.must_hold_lease_to_define();
  DO $do$
  BEGIN
    PERFORM throwover.check_lease_on(c.oid)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE ${checkedTables} AND NOT EXISTS (SELECT FROM pg_trigger t
        WHERE t.tgrelid = c.oid AND t.tgname = 'throwover_lease' AND t.tgenabled = 'A');
  END $do$`;

const removeSql = `
  SET LOCAL lock_timeout = ${lockTimeoutMs};
  DROP EVENT TRIGGER IF EXISTS throwover_lease;
  DROP EVENT TRIGGER IF EXISTS throwover_lease_ddl;
  DO $do$
  DECLARE target record;
  BEGIN
    FOR target IN SELECT tgrelid::regclass AS name FROM pg_trigger WHERE tgname = 'throwover_lease' LOOP
      EXECUTE format('DROP TRIGGER throwover_lease ON %s', target.name);
    END LOOP;
  END $do$`;

const lookSql = `
  SELECT to_regprocedure('throwover.must_hold_lease()') IS NOT NULL
      AND EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'throwover_lease' AND evtenabled <> 'D')
      AND EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'throwover_lease_ddl' AND evtenabled <> 'D') AS installed,
    (SELECT count(*)::int FROM pg_trigger WHERE tgname = 'throwover_lease') AS triggers,
    (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ${checkedTables} AND NOT EXISTS (SELECT FROM pg_trigger t
       WHERE t.tgrelid = c.oid AND t.tgname = 'throwover_lease' AND t.tgenabled = 'A')) AS unchecked`;

interface Installed {
  readonly installed: boolean;
  readonly triggers: number;
  /** Tables without the trigger, or with one that was switched off. */
  readonly unchecked: number;
}

/**
 * Makes every table of the application check the lease, from its first statement on, and every
 * definition too.
 */
export async function installLease(sql: Sql): Promise<void> {
  const { installed, unchecked } = await sql.row<Installed & Record<string, unknown>>(lookSql);
  if (!installed || unchecked > 0) await makeOwn(sql, 'write lease', installSql, installTimeoutMs);
}

/** Removes the checks, because the service is not strict any more. */
export async function removeLease(sql: Sql): Promise<void> {
  const { triggers, installed } = await sql.row<Installed & Record<string, unknown>>(lookSql);
  if (triggers > 0 || installed) await sql.rows(removeSql, [], installTimeoutMs);
}

export function machineTime(clock: Clock): MachineTime {
  const seconds = uptimeSeconds();
  return {
    wallMs: clock.wallMs(),
    bootMs: seconds === null ? clock.monotonicMs() : seconds * 1_000,
  };
}

export async function extendLease(sql: Sql, until: MachineTime): Promise<void> {
  const boot = uptimeSeconds() === null ? null : until.bootMs / 1_000;
  await sql.rows(
    `INSERT INTO throwover.writer_lease (until_wall, until_boot)
     VALUES (to_timestamp($1::float8 / 1000), $2) ON CONFLICT (one)
     DO UPDATE SET until_wall = excluded.until_wall, until_boot = excluded.until_boot`,
    [until.wallMs, boot],
  );
}

/**
 * Ends the lease, and the application's sessions, because the rest of a running statement is not
 * checked again.
 */
export async function endLease(sql: Sql, applicationRoles: readonly string[]): Promise<void> {
  await sql.rows(`UPDATE throwover.writer_lease SET until_wall = '-infinity'`);
  await sql.rows(
    `SELECT pg_terminate_backend(a.pid) FROM pg_stat_get_activity(NULL) a
     JOIN pg_roles r ON r.oid = a.usesysid WHERE r.rolname = ANY($1)`,
    [applicationRoles],
  );
}

function uptimeSeconds(): number | null {
  try {
    return Number.parseFloat(readFileSync(uptimeFile, 'latin1'));
  } catch {
    return null;
  }
}

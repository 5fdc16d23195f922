import { readFileSync } from 'node:fs';
import type { MachineTime } from '../../../authority/guard/ports.ts';
import type { Clock } from '../../../kernel/kernel.ts';
import type { Sql } from './sql.ts';

/**
 * Strict: the right to write, checked by the database itself in every statement. A row that is not
 * logged: empty, hence closed, after a crash and after a promotion.
 *
 * Both clocks count: the wall clock, which may be set back, and the time since the machine started,
 * which may not and goes on while it sleeps. PostgreSQL reads the latter from /proc/uptime (Linux);
 * elsewhere the wall clock counts alone.
 */
const uptimeFile = '/proc/uptime';

/** Longest wait for a lock on a busy table, ms: the next round tries again. */
const lockTimeoutMs = 2_000;

const installTimeoutMs = 30_000;

/** Statements of a role that owns its tables could drop the trigger; that is DDL, and no accident. */
const installSql = `
  SET lock_timeout = ${lockTimeoutMs};
  CREATE SCHEMA IF NOT EXISTS throwover;
  CREATE UNLOGGED TABLE IF NOT EXISTS throwover.writer_lease (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    until_wall timestamptz NOT NULL,
    until_boot double precision
  );
  CREATE OR REPLACE FUNCTION throwover.must_hold_lease() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $function$
  BEGIN
    PERFORM FROM throwover.writer_lease WHERE until_wall > clock_timestamp() AND
      (until_boot IS NULL OR until_boot > split_part(pg_read_file('${uptimeFile}', 0, 64), ' ', 1)::float8);
    IF NOT FOUND THEN
      RAISE EXCEPTION 'this region has no lease to write' USING ERRCODE = '25006',
        HINT = 'Another region is or becomes active; connect to it.';
    END IF;
    RETURN NULL;
  END $function$;
  DO $do$
  DECLARE target record;
  BEGIN
    FOR target IN
      SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover')
        AND n.nspname NOT LIKE 'pg\\_%'
        AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'throwover_lease')
    LOOP
      EXECUTE format('CREATE TRIGGER throwover_lease BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION throwover.must_hold_lease()', target.name);
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER throwover_lease', target.name);
    END LOOP;
  END $do$`;

const removeSql = `
  SET lock_timeout = ${lockTimeoutMs};
  DO $do$
  DECLARE target record;
  BEGIN
    FOR target IN SELECT tgrelid::regclass AS name FROM pg_trigger WHERE tgname = 'throwover_lease' LOOP
      EXECUTE format('DROP TRIGGER throwover_lease ON %s', target.name);
    END LOOP;
  END $do$`;

const lookSql = `
  SELECT to_regprocedure('throwover.must_hold_lease()') IS NOT NULL AS installed,
    (SELECT count(*)::int FROM pg_trigger WHERE tgname = 'throwover_lease') AS triggers,
    (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover')
       AND n.nspname NOT LIKE 'pg\\_%') AS tables`;

interface Installed {
  readonly installed: boolean;
  readonly triggers: number;
  readonly tables: number;
}

/** Every table of the application checks the lease; tables that came since the last time too. */
export async function installLease(sql: Sql): Promise<void> {
  const { installed, triggers, tables } = await sql.row<Installed & Record<string, unknown>>(
    lookSql,
  );
  if (!installed || triggers < tables) await sql.rows(installSql, [], installTimeoutMs);
}

/** The service is not strict any more: its tables check nothing. */
export async function removeLease(sql: Sql): Promise<void> {
  const { triggers } = await sql.row<Installed & Record<string, unknown>>(lookSql);
  if (triggers > 0) await sql.rows(removeSql, [], installTimeoutMs);
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

export async function endLease(sql: Sql): Promise<void> {
  await sql.rows('DELETE FROM throwover.writer_lease');
}

function uptimeSeconds(): number | null {
  try {
    return Number.parseFloat(readFileSync(uptimeFile, 'latin1'));
  } catch {
    return null;
  }
}

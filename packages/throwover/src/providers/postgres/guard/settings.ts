import { postgresErrors } from '../errors.ts';
import type { Side } from './side.ts';

/** Pause between two looks at a reloaded setting, ms. */
const settledPollMs = 2;

/** Longest wait for a reload, ms. */
const settledTimeoutMs = 4_000;

/**
 * Longest time for reading the application's tables into the cache, ms: it helps, but no step
 * depends on it.
 */
const prewarmTimeoutMs = 12_000;

/**
 * Makes commits wait for a standby, or not. The setting is in force for every later commit once
 * this side's own session has read it and, if commits wait, the standby counts as synchronous.
 */
export async function setSynchronous(side: Side, on: boolean): Promise<void> {
  const { sql, clock, config } = side;
  const names = Object.keys(config.upstreams).filter((name) => name !== config.region);
  const value = on ? `ANY 1 (${names.map((name) => `"${name}"`).join(', ')})` : '';
  await sql.rows(`ALTER SYSTEM SET synchronous_standby_names = '${value}'`);
  await sql.rows('SELECT pg_reload_conf()');
  const deadline = clock.monotonicMs() + settledTimeoutMs;
  for (;;) {
    const { now, waiting } = await sql.row<{ now: string; waiting: boolean }>(
      `SELECT current_setting('synchronous_standby_names') AS now,
         EXISTS (SELECT FROM pg_stat_replication WHERE application_name = ANY($1)
           AND state = 'streaming' AND sync_state = 'async') AS waiting`,
      [names],
    );
    if (now === value && !(on && waiting)) break;
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-unreachable',
        `${config.region}: synchronous_standby_names is not in force ${settledTimeoutMs} ms after a reload`,
        { now, value },
      );
    }
    await clock.sleep(settledPollMs);
  }
  if (!on) return;
  // On disk here, whether or not a standby has it, so that the log has moved on even if no
  // application writes.
  await sql.rows(
    `BEGIN; SET LOCAL synchronous_commit = local;
     SELECT pg_logical_emit_message(true, 'throwover', 'synchronous'); COMMIT`,
  );
}

/**
 * Returns the statement that advances all sequences. `by`: a number, or the parameter that holds
 * it.
 */
export const advanceSql = (
  by: string,
): string => `SELECT setval(format('%I.%I', schemaname, sequencename)::regclass,
  CASE WHEN increment_by > 0
    THEN least(max_value::numeric, coalesce(last_value, start_value)::numeric + ${by}::numeric * increment_by)
    ELSE greatest(min_value::numeric, coalesce(last_value, start_value)::numeric + ${by}::numeric * increment_by)
  END::bigint)
FROM pg_sequences`;

/**
 * Advances every sequence of the application's database by this many steps, within its own bounds.
 */
export async function advanceSequences(side: Side, by: number): Promise<void> {
  await side.sql.rows(advanceSql('$1'), [by], settledTimeoutMs);
}

/**
 * Reads the application's largest tables and indexes into the cache, as far as there is room: with
 * `pg_prewarm` if the extension is installed, otherwise by reading the tables.
 */
export async function prewarm(side: Side): Promise<{ bytes: number; by: string }> {
  const [extension] = await side.watch.rows<{ call: string }>(
    `SELECT format('%I.pg_prewarm', n.nspname) AS call FROM pg_extension e
     JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_prewarm'`,
  );
  const relations = await side.watch.rows<{ name: string; bytes: number; table: boolean }>(
    `SELECT * FROM (
       SELECT c.oid::regclass::text AS name, pg_relation_size(c.oid)::float8 AS bytes,
         c.relkind = 'r' AS table,
         sum(pg_relation_size(c.oid)) OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS so_far
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'i') AND c.relpersistence = 'p' AND pg_relation_size(c.oid) > 0
         AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover', 'pg_toast')) sized
     WHERE so_far <= (SELECT setting::bigint * 8192 FROM pg_settings WHERE name = 'shared_buffers')`,
  );
  const wanted = extension !== undefined ? relations : relations.filter(({ table }) => table);
  const deadline = side.clock.monotonicMs() + prewarmTimeoutMs;
  let bytes = 0;
  for (const relation of wanted) {
    const leftMs = deadline - side.clock.monotonicMs();
    if (leftMs <= 0) break;
    const text = extension
      ? `SELECT ${extension.call}('${relation.name.replaceAll("'", "''")}'::regclass)`
      : `SELECT count(*) FROM ${relation.name}`;
    await side.reader.rows(text, [], leftMs);
    bytes += relation.bytes;
  }
  return { bytes, by: extension !== undefined ? 'pg_prewarm' : 'reads' };
}

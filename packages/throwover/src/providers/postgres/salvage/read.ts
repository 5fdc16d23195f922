import type { Position } from '@throwover/client';
import type { Unsent } from '../../../authority/database-side.ts';
import type { Loss } from '../../../store/store.ts';
import { type DecodedLine, type Identities, lossesIn } from './losses.ts';
import { reachesBackTo, type SlotSql, slotName, slotState } from './slot.ts';

/** Longest decoding, ms: the log of one lag, and what the slot's distance adds. */
const decodeTimeoutMs = 120_000;

/** What the old side can tell about what it committed and the new side did not get. */
export type Salvage =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      /** Tables whose deletes and updates the log tells without saying which row: they have no replica identity. */
      readonly blind: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly why: string };

/** Changes that a look for a plan decodes at most, and its time, ms: it answers within the port's deadline, or not at all. */
const lookChanges = 2_000;
const lookTimeoutMs = 1_500;

/** Most rows that are kept in memory and sent in one piece; far above what is written in one lag. */
export const maxLosses = 200_000;

const identityQuery = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name,
    c.relreplident AS kind,
    (SELECT array_agg(a.attname::text ORDER BY k.at)
     FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, at)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND
       CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'throwover')`;

interface IdentityRow extends Record<string, unknown> {
  readonly name: string;
  /** d: primary key. i: an index. f: the whole row. n: nothing. */
  readonly kind: 'd' | 'i' | 'f' | 'n';
  readonly columns: readonly string[] | null;
}

/** Tables of which the log does not say which row was changed or deleted. `check` lists them before it matters. */
export async function tablesWithoutIdentity(sql: SlotSql): Promise<readonly string[]> {
  return blindOf(await sql.rows<IdentityRow>(identityQuery));
}

/**
 * Everything that committed here beyond the switch position. Reads and consumes nothing, so that it can
 * be asked again; the database may be a read-only standby of nobody, which is how a dead primary is read
 * without ever being opened (PostgreSQL 16 and later decode on a standby).
 */
export async function readLosses(
  sql: SlotSql,
  options: { readonly runId: string; readonly switchPosition: Position },
): Promise<Salvage> {
  const state = await slotState(sql, []);
  if (state.state === 'none')
    return { state: 'unavailable', why: 'there was no slot on the old side' };
  if (state.state === 'unavailable') return state;
  if (!reachesBackTo(state, options.switchPosition)) {
    return {
      state: 'unavailable',
      why: `the slot begins at ${state.confirmedLsn}, after the switch position`,
    };
  }
  const rows = await sql.rows<IdentityRow>(identityQuery);
  const identities: Identities = new Map(rows.map(({ name, columns }) => [name, columns ?? []]));
  const losses: Loss[] = [];
  const lines = await decodedLines(sql, maxLosses, decodeTimeoutMs);
  for (const loss of lossesIn(lines, { ...options, identities })) {
    losses.push(loss);
    if (losses.length > maxLosses) {
      return {
        state: 'unavailable',
        why: `more than ${maxLosses} rows: keep the data directory and read it by hand`,
      };
    }
  }
  return { state: 'complete', losses, blind: blindOf(rows) };
}

/** A look at what this primary has committed beyond a position, while it runs. Consumes nothing. */
export async function readUnsent(
  sql: SlotSql,
  options: { readonly beyond: Position; readonly limit: number },
): Promise<Unsent> {
  const { beyond, limit } = options;
  const state = await slotState(sql, []);
  if (state.state === 'none') return { state: 'unavailable', why: 'there is no slot yet' };
  if (state.state === 'unavailable') return state;
  const rows = await sql.rows<IdentityRow>(identityQuery);
  const identities: Identities = new Map(rows.map(({ name, columns }) => [name, columns ?? []]));
  const lines = await decodedLines(sql, lookChanges, lookTimeoutMs);
  const found = [...lossesIn(lines, { runId: 'look', switchPosition: beyond, identities })];
  return {
    state: 'read',
    rows: found.slice(0, limit).map(({ table, operation, key, commitWallMs }) => {
      return { table, operation, key, commitWallMs };
    }),
    count: found.length,
    more: lines.length >= lookChanges || !reachesBackTo(state, beyond),
  };
}

function blindOf(rows: readonly IdentityRow[]): readonly string[] {
  return rows
    .filter(({ kind, columns }) => kind === 'n' || (kind !== 'f' && columns === null))
    .map(({ name }) => name)
    .sort();
}

/** In pages by number of changes would begin anew each time; one call, whose answer PostgreSQL keeps on its disk. */
async function decodedLines(
  sql: SlotSql,
  changes: number,
  timeoutMs: number,
): Promise<readonly DecodedLine[]> {
  return sql.rows<DecodedLine & Record<string, unknown>>(
    `SELECT lsn::text AS lsn, data FROM pg_logical_slot_peek_changes($1, NULL, $2,
       'include-xids', '1', 'include-timestamp', '1', 'skip-empty-xacts', '1')`,
    [slotName, changes],
    timeoutMs,
  );
}

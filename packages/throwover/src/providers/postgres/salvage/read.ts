import { lsnOf, type Position } from '@throwover/client';
import type { Unsent } from '../../../authority/authority.ts';
import type { Loss } from '../../../store/store.ts';
import { type DecodedLine, type Identities, lossesIn } from './losses.ts';
import { reachesBackTo, type SlotSql, slotName, slotState } from './slot.ts';

/** Longest decoding, ms: the log of one lag, plus the distance of the slot. */
const decodeTimeoutMs = 120_000;

/** The old side's report about the writes that it committed and the new side did not get. */
export type Salvage =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      /**
       * Tables whose deletes and updates are in the log without the identity of the row: they have
       * no replica identity.
       */
      readonly blind: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly why: string; readonly some?: true };

/**
 * Most changes that are decoded for a plan, and the longest time for that, ms: it answers within
 * the port's deadline, or not at all.
 */
const lookChanges = 2_000;
const lookTimeoutMs = 1_500;

/**
 * Most rows that are kept in memory and sent in one piece; far more than is written during one lag.
 */
export const maxLosses = 200_000;

/** Most lines for this many rows: a begin and a commit around each of them. */
const maxLines = maxLosses * 3;

/**
 * Most lines that PostgreSQL decodes, about 1 GB on its disk: the slot may be far before the switch
 * position.
 */
const maxDecoded = 5_000_000;

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
  /** d: primary key. i: an index. f: the whole row. n: none. */
  readonly kind: 'd' | 'i' | 'f' | 'n';
  readonly columns: readonly string[] | null;
}

/**
 * Returns everything that was committed here beyond the switch position. It consumes nothing, so it
 * can be repeated. The database may be a read-only standby that follows no primary: this is how a
 * dead primary is read without being opened (PostgreSQL 16 and later decode on a standby).
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
  const { lines, all } = await linesBeyond(sql, options.switchPosition);
  if (!all) return tooMuch(`${maxLines} changes`);
  for (const loss of lossesIn(lines, { ...options, identities })) {
    losses.push(loss);
    if (losses.length > maxLosses) return tooMuch(`${maxLosses} rows`);
  }
  return { state: 'complete', losses, blind: blindOf(rows) };
}

/**
 * Returns some of the rows that this primary has committed beyond a position, while it runs.
 * Consumes nothing.
 */
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
  const lines = await firstLines(sql, lookChanges);
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

function tooMuch(what: string): Salvage {
  const why = `more than ${what}: keep the data directory and read it by hand`;
  return { state: 'unavailable', why, some: true };
}

/**
 * Returns the lines of every transaction that ended beyond the position, from its begin on; `all`:
 * there are no others. PostgreSQL leaves other transactions out, because the slot may be minutes
 * before the switch. It is one call, whose answer PostgreSQL keeps on its disk: pages by number of
 * changes would start from the beginning each time.
 */
async function linesBeyond(
  sql: SlotSql,
  position: Position,
): Promise<{ readonly lines: readonly DecodedLine[]; readonly all: boolean }> {
  const [decoded, ...lines] = await sql.rows<DecodedLine & Record<string, unknown>>(
    `WITH line AS MATERIALIZED (
       SELECT lsn, data, number, max(lsn) OVER (PARTITION BY xid::text) AS ended
       FROM pg_logical_slot_peek_changes($1, NULL, $2, ${decoding})
         WITH ORDINALITY AS change (lsn, xid, data, number))
     (SELECT NULL AS lsn, count(*)::text AS data, 0 AS number FROM line)
     UNION ALL
     (SELECT lsn::text, data, number FROM line WHERE ended > $3::pg_lsn ORDER BY number LIMIT $4)
     ORDER BY number`,
    [slotName, maxDecoded, lsnOf(position), maxLines + 1],
    decodeTimeoutMs,
  );
  const all = Number(decoded?.data) < maxDecoded && lines.length <= maxLines;
  return { lines, all };
}

/** Options of the output plugin. */
const decoding = `'include-xids', '1', 'include-timestamp', '1', 'skip-empty-xacts', '1'`;

async function firstLines(sql: SlotSql, changes: number): Promise<readonly DecodedLine[]> {
  return sql.rows<DecodedLine & Record<string, unknown>>(
    `SELECT lsn::text AS lsn, data FROM pg_logical_slot_peek_changes($1, NULL, $2, ${decoding})`,
    [slotName, changes],
    lookTimeoutMs,
  );
}

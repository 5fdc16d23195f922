import { isPosition } from '@throwover/client';
import type { Promotion } from '../../../authority/authority.ts';
import { makeOwn } from './own-schema.ts';
import type { Sql } from './sql.ts';

/** One row of `throwover.promotions` as PostgreSQL's row_to_json returns it. */
export interface PromotionRow {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  readonly switch_position: string;
  /** Missing in tables that an older throwover created. */
  readonly next_xid?: string | null;
}

/**
 * All rows, newest first, as a column of another query: one round trip less while no region takes
 * writes.
 */
export const promotionsColumn = `
  (SELECT coalesce(json_agg(row_to_json(p) ORDER BY p.epoch DESC), '[]') FROM throwover.promotions p)`;

export function promotionOf(row: PromotionRow): Promotion {
  const { epoch, region, timeline, switch_position: switchPosition } = row;
  if (!isPosition(switchPosition)) {
    throw new Error(`throwover.promotions holds ${switchPosition}, which is no position`);
  }
  return { epoch, region, timeline, switchPosition, nextXid: row.next_xid ?? null };
}

/**
 * Returns whether this database opened the epoch itself, or has received the promotion of another
 * one.
 */
export async function knowsPromotion(sql: Sql, epoch: number): Promise<boolean> {
  const { there } = await sql.row<{ there: boolean }>(
    `SELECT to_regclass('throwover.promotions') IS NOT NULL AS there`,
  );
  if (!there) return false;
  const { known } = await sql.row<{ known: boolean }>(
    'SELECT EXISTS (SELECT FROM throwover.promotions WHERE epoch = $1) AS known',
    [epoch],
  );
  return known;
}

/** Channel on which applications are notified of a new epoch. */
const channel = 'throwover_epoch';

/**
 * Writes the row that says which epoch began on which timeline. Standbys receive it; applications
 * may read it and LISTEN on `throwover_epoch`. An existing row of that epoch stays.
 */
export async function recordPromotion(
  sql: Sql,
  promotion: Promotion,
  applicationRoles: readonly string[],
): Promise<void> {
  const { epoch, region, timeline, switchPosition, nextXid } = promotion;
  const write = () =>
    sql.rows(
      `WITH written AS (
         INSERT INTO throwover.promotions (epoch, region, timeline, switch_position, next_xid)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (epoch) DO NOTHING)
       SELECT pg_notify('${channel}', json_build_object('epoch', $1::bigint, 'region', $2::text)::text)`,
      [epoch, region, timeline, switchPosition, nextXid],
    );
  try {
    await write();
  } catch (error) {
    // 42P01: no table yet. 42703: a table without next_xid. This happens once per pair and costs
    // nothing afterwards.
    if (!['42P01', '42703', '3F000'].includes((error as { code?: string }).code ?? '')) throw error;
    await createPromotions(sql, applicationRoles);
    await write();
  }
}

/**
 * Creates the table ahead of time on a primary, so that a promotion need not; writes nothing if it
 * exists.
 */
export async function createPromotions(
  sql: Sql,
  applicationRoles: readonly string[],
): Promise<void> {
  const { there } = await sql.row<{ there: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attname = 'next_xid' AND NOT attisdropped
         AND attrelid = to_regclass('throwover.promotions'))
       AND (SELECT bool_and(has_schema_privilege(role, 'throwover', 'USAGE')
         AND has_table_privilege(role, to_regclass('throwover.promotions'), 'SELECT'))
         FROM unnest($1::text[]) AS role
         WHERE to_regclass('throwover.promotions') IS NOT NULL) AS there`,
    [applicationRoles],
  );
  if (there) return;
  const roles = applicationRoles.map((role) => `"${role}"`).join(', ');
  await makeOwn(
    sql,
    'promotions',
    `CREATE TABLE IF NOT EXISTS throwover.promotions (
      epoch bigint PRIMARY KEY,
      region text NOT NULL,
      timeline integer NOT NULL,
      switch_position text NOT NULL,
      next_xid text,
      at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    ALTER TABLE throwover.promotions ADD COLUMN IF NOT EXISTS next_xid text;
    GRANT USAGE ON SCHEMA throwover TO ${roles};
    GRANT SELECT ON throwover.promotions TO ${roles}`,
  );
}

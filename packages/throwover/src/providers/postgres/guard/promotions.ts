import { isPosition } from '@throwover/client';
import type { Promotion } from '../../../replication/database.ts';
import type { Sql } from './sql.ts';

/** One row of `throwover.promotions` as PostgreSQL's row_to_json gives it. */
export interface PromotionRow {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  readonly switch_position: string;
}

/** All rows, newest first, as a column of another query: one round trip less while nobody can write. */
export const promotionsColumn = `
  (SELECT coalesce(json_agg(row_to_json(p) ORDER BY p.epoch DESC), '[]') FROM throwover.promotions p)`;

export function promotionOf(row: PromotionRow): Promotion {
  const { epoch, region, timeline, switch_position: switchPosition } = row;
  if (!isPosition(switchPosition)) {
    throw new Error(`throwover.promotions holds ${switchPosition}, which is no position`);
  }
  return { epoch, region, timeline, switchPosition };
}

/** The table in which a primary says which epoch began on which timeline; standbys receive it. */
export async function createPromotions(sql: Sql): Promise<void> {
  await sql.rows(`
    CREATE SCHEMA IF NOT EXISTS throwover;
    CREATE TABLE IF NOT EXISTS throwover.promotions (
      epoch bigint PRIMARY KEY,
      region text NOT NULL,
      timeline integer NOT NULL,
      switch_position text NOT NULL,
      at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
}

export async function recordPromotion(sql: Sql, promotion: Promotion): Promise<void> {
  await sql.rows(
    `INSERT INTO throwover.promotions (epoch, region, timeline, switch_position)
     VALUES ($1, $2, $3, $4) ON CONFLICT (epoch) DO NOTHING`,
    [promotion.epoch, promotion.region, promotion.timeline, promotion.switchPosition],
  );
}

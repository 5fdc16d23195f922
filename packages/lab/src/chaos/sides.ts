import { withClient } from '../postgres/postgres.ts';
import { until } from '../world/json.ts';
import type { LabMap, RegionName } from '../world/map.ts';
import type { Side } from './oracle.ts';

/** Longest wait for a database that comes back, with its recovery, ms. */
const backTimeoutMs = 60_000;

/** Reads the contents of a region's database as a superuser, whom no fence keeps out. */
export async function readSide(map: LabMap, region: RegionName): Promise<Side> {
  return withClient(map.regions[region].private.postgres, async (client) => {
    const orders = await client.query<{ key: string; id: string; atMs: number }>(
      `SELECT idempotency_key AS key, id::text AS id,
         extract(epoch FROM created_at)::float8 * 1000 AS "atMs" FROM orders`,
    );
    const payments = await client.query<{ id: string }>('SELECT event_id AS id FROM payments');
    return { orders: orders.rows, payments: payments.rows.map(({ id }) => id) };
  });
}

/**
 * Waits until the active region has the slot from which lost writes are read; each promotion
 * creates a new one.
 */
export async function ledgerKept(map: LabMap, active: RegionName): Promise<void> {
  await until(
    `${active}'s database keeps the slot of the ledger`,
    () =>
      withClient(map.regions[active].private.postgres, async (client) => {
        const { rows } = await client.query(
          `SELECT FROM pg_replication_slots WHERE slot_name = 'throwover_ledger'
             AND confirmed_flush_lsn IS NOT NULL`,
        );
        return rows.length === 1;
      }),
    { timeoutMs: backTimeoutMs, pollMs: 50 },
  );
}

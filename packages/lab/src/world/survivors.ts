import type { Survivors } from 'throwover';
import { withClient } from '../postgres/postgres.ts';
import type { LabMap, RegionName } from './map.ts';

/**
 * Returns the contents of a region's database: orders by idempotency key, webhook events with their
 * effect.
 */
export async function survivorsOf(map: LabMap, region: RegionName): Promise<Survivors> {
  return withClient(map.regions[region].private.postgres, async (client) => {
    const orders = await client.query<{ key: string }>('SELECT idempotency_key AS key FROM orders');
    const events = await client.query<{ id: string; atMs: number }>(
      'SELECT event_id AS id, extract(epoch FROM at)::float8 * 1000 AS "atMs" FROM payments',
    );
    return { region, orderKeys: orders.rows.map(({ key }) => key), events: events.rows };
  });
}

/** Returns which of these keys have no order in the region's database. */
export async function missingOrders(
  map: LabMap,
  region: RegionName,
  keys: readonly string[],
): Promise<readonly string[]> {
  const kept = new Set((await survivorsOf(map, region)).orderKeys);
  return keys.filter((key) => !kept.has(key));
}

import type { Sql } from './sql.ts';

/**
 * Creates an object of throwover's own schema. Safe to repeat, and safe if another of the guard's
 * connections creates it at the same time: with `IF NOT EXISTS` alone, two that check at the same
 * time collide (23505 on the catalog), and the second may be a promotion, while no region takes
 * writes.
 */
export async function makeOwn(
  sql: Sql,
  what: 'promotions' | 'write lease' | 'closed roles',
  definition: string,
  timeoutMs?: number,
): Promise<void> {
  // The lock belongs to one session.
  const on = await sql.standIn();
  await inTurn(on, 'schema', 'CREATE SCHEMA IF NOT EXISTS throwover', timeoutMs);
  await inTurn(on, what, definition, timeoutMs);
}

/**
 * The lock belongs to the session and is taken in a transaction of its own. If the transaction of
 * the definition waited for it, that transaction would go on with its catalog cache from before the
 * wait.
 */
async function inTurn(
  sql: Sql,
  what: string,
  definition: string,
  timeoutMs?: number,
): Promise<void> {
  const key = `hashtextextended('throwover ${what}', 0)`;
  await sql.rows(`SELECT pg_advisory_lock(${key})`, [], timeoutMs);
  try {
    await sql.rows(definition, [], timeoutMs);
  } finally {
    // A connection that broke has released it.
    await sql.rows(`SELECT pg_advisory_unlock(${key})`).catch(() => {});
  }
}

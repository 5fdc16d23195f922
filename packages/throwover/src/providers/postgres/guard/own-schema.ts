import type { Sql } from './sql.ts';

/**
 * Makes something of throwover's own schema, safe to repeat and safe when another of the guard's
 * connections makes it at the same time: `IF NOT EXISTS` alone lets two that look together collide
 * (23505 on the catalog), and what comes second may be a promotion, while nobody can write.
 */
export async function makeOwn(
  sql: Sql,
  what: 'promotions' | 'write lease' | 'closed roles',
  definition: string,
  timeoutMs?: number,
): Promise<void> {
  await inTurn(sql, 'schema', 'CREATE SCHEMA IF NOT EXISTS throwover', timeoutMs);
  await inTurn(sql, what, definition, timeoutMs);
}

/**
 * The lock is the session's and taken by a transaction of its own: one that waits for it in the
 * transaction of the definition goes on with what its catalog cache said before the wait.
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
    // A connection that broke has given it up.
    await sql.rows(`SELECT pg_advisory_unlock(${key})`).catch(() => {});
  }
}

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { applicationRole, database } from '../../../../../lab/src/postgres/schema.ts';
import { startServer } from '../../../../../lab/src/postgres/server.ts';
import { ownSession } from './own-session.ts';
import { createPromotions } from './promotions.ts';
import { Sql } from './sql.ts';
import { installLease } from './write-lease.ts';

/** Number of the guard's connections that may create the same object: commands and housekeeping. */
const atOnce = 6;

/** A collision does not happen in every round. */
const rounds = 10;

let pair: Pair;
let connections: readonly Sql[];

beforeAll(async () => {
  pair = await testPair();
  const { binaries, databases, dir } = pair;
  const address = pair.address.east;
  const { dataDir } = databases.side('east');
  const logFile = join(dir, 'east.log');
  await startServer({ binaries, dataDir, address, logFile });
  const options = ownSession(dataDir);
  const login = { ...address, user: 'postgres', password: null, database, options };
  connections = Array.from({ length: atOnce }, () => new Sql(login));
  // Connected first, so that they begin at the same time.
  for (const sql of connections) await sql.rows('SELECT 1');
});
afterAll(async () => {
  await Promise.all(connections.map((sql) => sql.close()));
  await pair.remove();
});

async function anew(): Promise<void> {
  await connections[0]?.rows('DROP SCHEMA IF EXISTS throwover CASCADE');
}

describe('made on several connections at once, and none of them fails', () => {
  it('the table of promotions', async () => {
    for (let round = 0; round < rounds; round++) {
      await anew();
      await Promise.all(connections.map((sql) => createPromotions(sql, [applicationRole])));
    }
    const [row] = await pair.ask('east', 'SELECT count(*)::int AS rows FROM throwover.promotions');
    expect(row).toEqual({ rows: 0 });
  });

  it('the lease, checked by every table', async () => {
    for (let round = 0; round < rounds; round++) {
      await anew();
      await Promise.all(connections.map((sql) => installLease(sql)));
    }
    const [row] = await pair.ask(
      'east',
      `SELECT count(*)::int AS lacking FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT EXISTS (
         SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'throwover_lease')`,
    );
    expect(row).toEqual({ lacking: 0 });
  });
});

/** Strict mode: each kind of write without a lease, also while the guard itself is frozen. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { names, type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { type Guards, guardsOf, insertOnce, signalAll } from './guards.fixture.ts';

let pair: Pair;
let guards: Guards;
beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(async () => {
  await pair.databases.reset();
  const memory = { ...newGuardMemory(), known: { epoch: 1, active: 'east' } };
  for (const name of names) {
    const { stateDir } = pair.databases.side(name);
    await writeFile(join(stateDir, 'guard.json'), JSON.stringify(memory));
  }
});
afterEach(() => guards.end());
afterAll(() => pair.remove());

const strict = { writerFence: 'strict' };
const noLease = '25006';

/** The database itself refuses these statements, for every role. */
const checked = [
  `INSERT INTO payments (event_id) VALUES ('late')`,
  'UPDATE payments SET order_key = event_id',
  'DELETE FROM payments',
  'TRUNCATE payments',
  `MERGE INTO payments p USING (VALUES ('late')) v (id) ON p.event_id = v.id WHEN NOT MATCHED THEN INSERT (event_id) VALUES (v.id)`,
  `SELECT * FROM in_a_function()`,
  'CREATE TABLE late (id int)',
  'CREATE TABLE late AS SELECT 1 AS id',
  'SELECT 1 AS id INTO late',
  'CREATE UNLOGGED TABLE late (id int)',
  'CREATE SCHEMA late CREATE TABLE late (id int)',
  'ALTER TABLE payments ADD COLUMN late int',
  'ALTER TABLE payments DISABLE TRIGGER ALL',
  'DROP TABLE payments',
  'CREATE INDEX late ON payments (order_key)',
  'CREATE VIEW late AS SELECT 1',
  'CREATE SEQUENCE late',
  'REFRESH MATERIALIZED VIEW kept',
  `COMMENT ON TABLE payments IS 'late'`,
  'GRANT SELECT ON payments TO PUBLIC',
  'CREATE FUNCTION late() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
];

/** No trigger sees these statements: the session that runs them is ended. */
const unchecked = [
  `SELECT lo_put(4242, 0, 'late')`,
  `SELECT lo_from_bytea(0, 'late')`,
  'SELECT lo_unlink(lo_create(0))',
  `SELECT nextval('orders_id_seq')`,
  `SELECT setval('orders_id_seq', 1)`,
  `SELECT pg_logical_emit_message(true, 'late', 'late')`,
  `SELECT pg_logical_emit_message(false, 'late', 'late')`,
];

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error) => String(error.code ?? 'gone'),
  );

/**
 * Whether the server has ended the session; the next statement of an idle session meets a closed
 * connection.
 */
const isEnded = (code: string) => !['done', noLease].includes(code);

describe('without a lease', () => {
  it('a frozen guard: what a trigger sees is refused, and every session of the application ends', async () => {
    const [east] = [await guards.spawn('east', strict), await guards.start('west', strict)];
    await until('east takes writes', () =>
      insertOnce(pair, 'east').then(
        () => true,
        () => false,
      ),
    );
    await until('the survey says that the loop runs', async () => {
      const said = (await east.side.survey())?.leaseLeavesOut.join() ?? '';
      return /at most 100 ms/.test(said);
    });
    const admin = await pair.connect('east', 'postgres');
    await admin.query(`
      SELECT lo_create(4242); GRANT ALL ON LARGE OBJECT 4242 TO checkout;
      CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
      CREATE FUNCTION in_a_function() RETURNS void LANGUAGE sql SECURITY DEFINER
        AS $$ INSERT INTO payments (event_id) VALUES ('late') $$`);
    const idle = await pair.connect('east');
    const inside = await pair.connect('east');
    await inside.query(`BEGIN; INSERT INTO payments (event_id) VALUES ('checked in time')`);
    const busy = await Promise.all(unchecked.map(() => pair.connect('east')));

    signalAll([east.child.pid ?? 0], 'SIGSTOP');
    try {
      // Each session repeats its own kind of write until it is ended.
      const ends = busy.map((client, at) => untilEnded(client, unchecked[at] ?? ''));
      await Promise.all([...ends, untilEnded(idle, 'SELECT 1'), untilEnded(inside, 'SELECT 1')]);
      for (const statement of checked) {
        expect(await codeOf(admin.query(statement)), statement).toBe(noLease);
      }
      // A session that begins without a lease is ended too, whatever it does.
      for (const statement of unchecked) {
        await untilEnded(await pair.connect('east'), statement);
      }
      const { rows } = await admin.query('SELECT event_id FROM payments');
      expect(rows).toEqual([]);
    } finally {
      signalAll([east.child.pid ?? 0], 'SIGCONT');
    }
    // The guard is back with the lease: no more sessions are ended.
    await until('writes again', () =>
      insertOnce(pair, 'east').then(
        () => true,
        () => false,
      ),
    );
    await admin.query('CREATE TABLE later (id int)');
    await admin.end();
  });

  it('a table that becomes permanent, and one whose check was switched off, are checked again', async () => {
    const east = await guards.start('east', strict);
    await guards.start('west', strict);
    await until('a lease', async () => ((await east.side.status()).leaseLeftMs ?? 0) > 0);
    const admin = await pair.connect('east', 'postgres');
    await until('defined', () =>
      codeOf(
        admin.query(`
          CREATE UNLOGGED TABLE later (id int); ALTER TABLE later SET LOGGED;
          ALTER TABLE payments DISABLE TRIGGER throwover_lease;
          CREATE SCHEMA apart CREATE TABLE one (id int)`),
      ).then((code) => code === 'done'),
    );
    const { rows } = await admin.query(
      `SELECT tgrelid::regclass::text AS name FROM pg_trigger
       WHERE tgname = 'throwover_lease' AND tgenabled = 'A'
         AND tgrelid::regclass::text IN ('later', 'payments', 'apart.one') ORDER BY 1`,
    );
    expect(rows).toEqual([{ name: 'apart.one' }, { name: 'later' }, { name: 'payments' }]);
    await admin.end();
  });

  it('the loop outlives its guard, and ends when the service is not strict any more', async () => {
    const loops = `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'throwover-lease-%'`;
    const east = await guards.start('east', { ...strict, peer: undefined });
    await until('it runs', async () => (await pair.ask('east', loops)).length === 1);
    await east.end();
    const outlived = await pair.ask('east', loops);
    expect(outlived).toHaveLength(1);
    const again = await guards.start('east', { ...strict, peer: undefined });
    await until('seen', async () => {
      const said = (await again.side.survey())?.leaseLeavesOut.join() ?? '';
      return /at most 100 ms/.test(said);
    });
    expect(await pair.ask('east', loops)).toEqual(outlived);
    await again.end();
    const available = await guards.start('east', { peer: undefined });
    await until('it is gone', async () => (await pair.ask('east', loops)).length === 0);
    await available.end();
  });
});

async function untilEnded(client: pg.Client, statement: string): Promise<void> {
  await until(`ended: ${statement}`, async () => isEnded(await codeOf(client.query(statement))));
  await client.end().catch(() => {});
}

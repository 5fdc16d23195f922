import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processOnce, type SqlClient } from './webhooks.ts';

// The statement also runs on SQLite. Only PostgreSQL can run two deliveries at once; the tests of
// the lab's checkout, which use PostgreSQL, cover that.
let db: DatabaseSync;
let client: SqlClient;

beforeEach(() => {
  db = new DatabaseSync(':memory:');
  db.exec(`CREATE TABLE throwover_events (event_id text PRIMARY KEY, processed_at text DEFAULT '');
           CREATE TABLE paid (event_id text PRIMARY KEY);
           CREATE TABLE effects (n integer)`);
  client = {
    query: async (text, values) => ({
      rowCount: Number(db.prepare(text).run({ $1: String(values[0]) }).changes),
    }),
  };
});
afterEach(() => db.close());

const effects = () => db.prepare('SELECT n FROM effects').all().length;
async function effect() {
  db.exec('INSERT INTO effects VALUES (1)');
  return 'done';
}

test('A3: work is done once for an id, and a second delivery says so', async () => {
  expect(await processOnce(client, 'evt_1', effect)).toEqual({ duplicate: false, result: 'done' });
  expect(await processOnce(client, 'evt_1', effect)).toEqual({ duplicate: true });
  expect(await processOnce(client, 'evt_2', effect)).toEqual({ duplicate: false, result: 'done' });
  expect(effects()).toBe(2);
});

test('work that fails leaves neither the id nor the effect, and the next delivery does it', async () => {
  db.exec('BEGIN');
  const failing = processOnce(client, 'evt_1', async () => {
    await effect();
    throw new Error('no stock');
  });
  await expect(failing).rejects.toThrow('no stock');
  db.exec('ROLLBACK');
  expect(effects()).toBe(0);
  expect((await processOnce(client, 'evt_1', effect)).duplicate).toBe(false);
});

test('another table serves, with its schema or without', async () => {
  for (const table of ['paid', 'main.paid']) await processOnce(client, table, effect, { table });
  expect(db.prepare('SELECT count(*) AS n FROM paid').get()).toEqual({ n: 2 });
  expect(db.prepare('SELECT count(*) AS n FROM throwover_events').get()).toEqual({ n: 0 });
});

test.each(['', 'a b', 'events; drop table effects', 'a.b.c', '"quoted"'])(
  'the table name %j is refused',
  async (table) => {
    await expect(processOnce(client, 'evt_1', effect, { table })).rejects.toThrow(RangeError);
    expect(effects()).toBe(0);
  },
);

test('an event without an id is refused', async () => {
  await expect(processOnce(client, '', effect)).rejects.toThrow('without an id');
});

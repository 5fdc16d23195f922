import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lsnOf, positionOf } from '@throwover/client';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Name, type Pair, testPair } from '../../../../../lab/src/postgres/fixtures/pair.ts';
import { startSide, until } from '../../../../../lab/src/postgres/fixtures/servers.ts';
import { database } from '../../../../../lab/src/postgres/schema.ts';
import { stopServer } from '../../../../../lab/src/postgres/server.ts';
import { maxLosses, readLosses, readUnsent } from './read.ts';
import { keepSlot, type SlotSql } from './slot.ts';

let pair: Pair;
let clients: pg.Client[] = [];

beforeAll(async () => {
  pair = await testPair();
});
beforeEach(async () => {
  await pair.databases.reset();
  await start('east');
  await start('west');
});
afterEach(async () => {
  for (const client of clients) await client.end().catch(() => {});
  clients = [];
  await pair.databases.stop();
});
afterAll(() => pair.remove());

const start = (name: Name) => startSide(pair, name);

async function superuser(name: Name): Promise<SlotSql> {
  const client = new pg.Client({ ...pair.address[name], user: 'postgres', database });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return {
    rows: async <Row extends Record<string, unknown>>(
      text: string,
      values: readonly unknown[] = [],
    ) => (await client.query<Row>(text, [...values])).rows,
  };
}

const order = (key: string, status = 'accepted') =>
  `INSERT INTO orders (idempotency_key, amount, currency, status, region) VALUES ('${key}', 1, 'eur', '${status}', 'east')`;

async function flushed(east: SlotSql): Promise<boolean> {
  const [row] = await east.rows<{ same: boolean | null }>(
    'SELECT min(flush_lsn) >= pg_current_wal_flush_lsn() AS same FROM pg_stat_replication',
  );
  return row?.same === true;
}

async function cutOffFromEast(west: SlotSql): Promise<void> {
  await west.rows(`ALTER SYSTEM SET primary_conninfo = ''`);
  await west.rows('SELECT pg_reload_conf()');
  await until('west receives nothing', async () => {
    const rows = await west.rows('SELECT FROM pg_stat_wal_receiver');
    return rows.length === 0;
  });
}

/**
 * West stops receiving, east goes on writing and dies, west is promoted. Returns the position at
 * which west left east's history.
 */
async function lossyPromotion(east: SlotSql, west: SlotSql, writes: readonly string[]) {
  await cutOffFromEast(west);
  for (const text of writes) await east.rows(text);
  await stopServer(pair.databases.side('east').dataDir, 'immediate');
  await west.rows('SELECT pg_promote()');
  const [row] = await west.rows<{ history: string }>(
    `SELECT pg_read_file('pg_wal/00000002.history') AS history`,
  );
  return positionOf(1, /^\s*1\s+(\S+)/.exec(row?.history ?? '')?.[1] ?? '');
}

/** Starts it as a read-only standby that follows no primary: it is never opened. */
async function startOldSide(): Promise<SlotSql> {
  const { dataDir } = pair.databases.side('east');
  await writeFile(join(dataDir, 'standby.signal'), '');
  await appendFile(join(dataDir, 'postgresql.auto.conf'), `primary_conninfo = ''\n`);
  await start('east');
  return superuser('east');
}

describe('the ledger of lost writes', () => {
  it('holds what the old side has and the new one does not, and nothing else', async () => {
    const east = await superuser('east');
    const west = await superuser('west');
    expect(await keepSlot(east, { standbys: ['west'] })).toMatchObject({ state: 'kept' });
    await east.rows('CREATE TABLE plain (a int, b text)');
    await east.rows(order('came-over'));
    await until('west has it', () => flushed(east));
    expect(await keepSlot(east, { standbys: ['west'] })).toMatchObject({ state: 'kept' });

    const switchPosition = await lossyPromotion(
      east,
      west,
      [
        order('lost-1'),
        order("lost'2", "it''s\nlost"),
        `UPDATE orders SET status = 'paid' WHERE idempotency_key = 'came-over'`,
        `DELETE FROM orders WHERE idempotency_key = 'lost-1'`,
        `BEGIN; ${order('rolled-back')}; ROLLBACK`,
        `INSERT INTO plain VALUES (1, NULL)`,
        `SELECT pg_logical_emit_message(true, 'throwover', 'fence')`,
      ].map((text) => text.replace("lost'2", "lost''2")),
    );
    const oldSide = await startOldSide();

    const salvage = await readLosses(oldSide, { runId: 'run-1', switchPosition });
    if (salvage.state !== 'complete') throw new Error(salvage.why);
    expect(
      salvage.losses.map(({ table, operation, key, after }) => [
        operation,
        table,
        key?.['idempotency_key'],
        after?.['status'],
      ]),
    ).toEqual([
      ['insert', 'public.orders', 'lost-1', 'accepted'],
      ['insert', 'public.orders', "lost'2", "it's\nlost"],
      ['update', 'public.orders', 'came-over', 'paid'],
      ['delete', 'public.orders', 'lost-1', undefined],
      ['insert', 'public.plain', undefined, undefined],
    ]);
    expect(salvage.blind).toEqual(['public.plain']);
    expect(new Set(salvage.losses.map(({ id }) => id)).size).toBe(5);
    expect(salvage.losses.every(({ commitWallMs }) => commitWallMs !== null)).toBe(true);
    // Nothing was consumed: a second read gives the same result.
    expect(await readLosses(oldSide, { runId: 'run-1', switchPosition })).toEqual(salvage);
    const [role] = await oldSide.rows<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    );
    expect(role?.standby).toBe(true);
  });

  it('holds all of many small transactions, each of which is a begin, a row and a commit', async () => {
    const east = await superuser('east');
    const west = await superuser('west');
    await keepSlot(east, { standbys: ['west'] });
    await east.rows('CREATE TABLE many (a int PRIMARY KEY)');
    const count = 2 + Math.floor(maxLosses / 3);
    const switchPosition = await lossyPromotion(east, west, [
      'SET synchronous_commit = off',
      `DO $$ BEGIN FOR i IN 1..${count} LOOP INSERT INTO many VALUES (i); COMMIT; END LOOP; END $$`,
      'SET synchronous_commit = on',
      order('last'),
    ]);
    const salvage = await readLosses(await startOldSide(), { runId: 'run-1', switchPosition });
    if (salvage.state !== 'complete') throw new Error(salvage.why);
    expect(salvage.losses).toHaveLength(count + 1);
    expect(salvage.losses[0]).toMatchObject({ key: { a: '1' } });
    expect(salvage.losses.at(-1)).toMatchObject({ key: { idempotency_key: 'last' } });
  }, 120_000);

  it('is unavailable, not cut short, when there are more rows than it may have', async () => {
    const east = await superuser('east');
    const west = await superuser('west');
    await keepSlot(east, { standbys: ['west'] });
    await east.rows('CREATE TABLE many (a int PRIMARY KEY)');
    const switchPosition = await lossyPromotion(east, west, [
      `INSERT INTO many SELECT * FROM generate_series(0, ${maxLosses})`,
    ]);
    const salvage = await readLosses(await startOldSide(), { runId: 'run-1', switchPosition });
    const why = `more than ${maxLosses} rows: keep the data directory and read it by hand`;
    expect(salvage).toEqual({ state: 'unavailable', why, some: true });
  }, 120_000);

  it('can be looked at while the primary runs: some rows by name, how many there are, nothing consumed', async () => {
    const east = await superuser('east');
    const west = await superuser('west');
    const nowhere = { beyond: positionOf(1, '0/1'), limit: 2 };
    const none = { state: 'unavailable', why: 'there is no slot yet' };
    expect(await readUnsent(east, nowhere)).toEqual(none);
    await keepSlot(east, { standbys: ['west'] });
    await east.rows(order('came-over'));
    await until('west has it', () => flushed(east));
    const [had] = await west.rows<{ lsn: string }>('SELECT pg_last_wal_receive_lsn()::text AS lsn');
    const beyond = positionOf(1, had?.lsn ?? '');
    const nothing = { state: 'read', rows: [], count: 0, more: false };
    expect(await readUnsent(east, { beyond, limit: 2 })).toEqual(nothing);

    await cutOffFromEast(west);
    for (const key of ['a', 'b', 'c']) await east.rows(order(key));
    const look = await readUnsent(east, { beyond, limit: 2 });
    expect(look).toMatchObject({
      ...{ state: 'read', count: 3, more: false },
      rows: [
        { table: 'public.orders', operation: 'insert', key: { idempotency_key: 'a' } },
        { table: 'public.orders', operation: 'insert', key: { idempotency_key: 'b' } },
      ],
    });
    expect(JSON.stringify(look)).not.toContain('accepted');
    expect(await readUnsent(east, { beyond, limit: 2 })).toEqual(look);
  });

  it('is never moved past what the standby has on disk', async () => {
    const east = await superuser('east');
    const west = await superuser('west');
    await keepSlot(east, { standbys: ['west'] });
    await until('west has all', () => flushed(east));
    const [before] = await east.rows<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn',
    );
    const switchPosition = await lossyPromotion(east, west, [order('lost')]);
    expect(lsnOf(switchPosition) >= (before?.lsn ?? '')).toBe(true);
    const oldSide = await startOldSide();
    const salvage = await readLosses(oldSide, { runId: 'run-1', switchPosition });
    expect(salvage).toMatchObject({
      state: 'complete',
      losses: [{ key: { idempotency_key: 'lost' } }],
    });
  });

  it('is unavailable, and harms nobody, when the slot held more than its bound', async () => {
    const east = await superuser('east');
    await keepSlot(east, { standbys: ['west'] });
    await east.rows(`ALTER SYSTEM SET max_slot_wal_keep_size = '4MB'`);
    // Otherwise the log is kept for other reasons, and the slot is never given up.
    await east.rows(`ALTER SYSTEM SET wal_keep_size = '0'`);
    await east.rows('SELECT pg_reload_conf()');
    const lost = async () => {
      await east.rows(`SELECT pg_logical_emit_message(false, 'filler', repeat('x', 3000000))`);
      await east.rows('SELECT pg_switch_wal()');
      await east.rows('CHECKPOINT');
      const [slot] = await east.rows<{ status: string }>(
        'SELECT wal_status AS status FROM pg_replication_slots',
      );
      return slot?.status === 'lost';
    };
    await until('the slot is given up', lost);
    expect(await keepSlot(east, { standbys: ['west'] })).toMatchObject({ state: 'unavailable' });
    expect(await keepSlot(east, { standbys: ['west'] })).toMatchObject({ state: 'kept' });
    await east.rows(order('the writer goes on'));
  });

  it('is unavailable for a stated reason where a slot could fill the disk', async () => {
    const east = await superuser('east');
    await east.rows(`ALTER SYSTEM SET max_slot_wal_keep_size = '-1'`);
    await east.rows('SELECT pg_reload_conf()');
    const why = 'max_slot_wal_keep_size is not set: a slot could fill the disk';
    const seen = async () => readUnsent(east, { beyond: positionOf(1, '0/1'), limit: 2 });
    await until('the setting is in force', async () => JSON.stringify(await seen()).includes(why));
    expect(await seen()).toEqual({ state: 'unavailable', why });
    expect(await keepSlot(east, { standbys: ['west'] })).toEqual({ state: 'unavailable', why });
  });
});

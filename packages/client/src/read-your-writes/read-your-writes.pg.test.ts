import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../lab/src/fixtures/ports.ts';
import { type Pair, testPair } from '../../../lab/src/postgres/fixtures/pair.ts';
import {
  cutOff,
  kill,
  promoteWest,
  startPair,
  startThird,
  until,
} from '../../../lab/src/postgres/fixtures/servers.ts';
import { WriteLost } from '../errors.ts';
import { bytesOf } from '../position.ts';
import {
  readableFrom,
  type Token,
  tokenAfter,
  transactionId,
  type Waited,
  waitFor,
  writeWithToken,
} from './read-your-writes.ts';

/** Long enough that only a fault of the test ends it. */
const patient = { deadlineMs: 30_000 };
/** Longer than a look takes on a busy machine. */
const impatient = { deadlineMs: 400 };

let pair: Pair;
let open: pg.Client[] = [];
beforeAll(async () => {
  pair = await testPair();
});
beforeEach(async () => {
  await startPair(pair);
  return async () => {
    for (const client of open) await client.end().catch(() => {});
    open = [];
  };
});
afterAll(() => pair.remove());

async function connect(name: 'east' | 'west', user?: string): Promise<pg.Client> {
  const client = await pair.connect(name, user);
  open.push(client);
  return client;
}

let lastKey = 0;
const insert = (client: pg.Client) =>
  client.query(
    `INSERT INTO orders (idempotency_key, amount, currency, status, region)
     VALUES ($1, 1, 'eur', 'accepted', 'east')`,
    [`order-${++lastKey}`],
  );
async function write(client: pg.Client): Promise<Token> {
  const { token } = await writeWithToken(client, insert);
  if (token === null) throw new Error('a write without a token');
  return token;
}
const said = ({ outcome, reason }: Waited<unknown>) => `${outcome}: ${reason}`;
const keys = async (client: pg.Client) =>
  (await client.query('SELECT idempotency_key FROM orders')).rows.length;

test('a read on the standby waits for the write, and goes to the writer when it does not come', async () => {
  const [east, west] = [await connect('east'), await connect('west')];
  for (let n = 1; n <= 20; n++) {
    const token = await write(east);
    expect((await waitFor(west, token, patient)).outcome).toBe('satisfied');
    expect(await keys(west)).toBe(n);
  }
  await pair.ask('west', 'SELECT pg_wal_replay_pause()');
  await until('replay stands', async () => {
    const [row] = await pair.ask<{ state: string }>(
      'west',
      'SELECT pg_get_wal_replay_pause_state() AS state',
    );
    return row?.state === 'paused';
  });
  const token = await write(east);
  expect(said(await waitFor(west, token, impatient))).toBe('not-yet: not-replayed');
  const routed = await waitFor(west, token, { ...impatient, route: async () => east });
  expect([said(routed), routed.routed]).toEqual(['satisfied: committed', true]);
  expect(routed.given).toBe('not-replayed');
  expect(readableFrom(routed)).toBe(east);

  const waiting = waitFor(west, token, patient);
  await pair.ask('west', 'SELECT pg_wal_replay_resume()');
  expect((await waiting).outcome).toBe('satisfied');
  expect(await keys(west)).toBe(21);
});

test('nothing written, no token; an error of the work is passed on, and nothing is written', async () => {
  const east = await connect('east');
  expect((await writeWithToken(east, (client) => client.query('SELECT 1'))).token).toBeNull();
  const failing = writeWithToken(east, async (client) => {
    await insert(client);
    throw new Error('no stock');
  });
  await expect(failing).rejects.toThrow('no stock');
  expect(await keys(east)).toBe(0);
});

test('a position after a record that ends with its page is reached by an idle standby', async () => {
  const [east, west] = [await connect('east'), await connect('west', 'postgres')];
  const raw = async () => {
    const { rows } = await east.query(
      `SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS at FROM (SELECT 1) x`,
    );
    return Number(rows[0].at);
  };
  // Fills the page except for the fixed part of such a record, and repeats until no other record
  // came between.
  const emit = (length: number) =>
    east.query(`SELECT pg_logical_emit_message(false, 't', repeat('x', $1))`, [length]);
  const before = await raw();
  await emit(1_000);
  const overhead = (await raw()) - before - 1_000;
  let at = 0;
  for (let n = 0; n < 200 && at % 8_192 !== 24; n++) {
    const room = 8_192 - ((await raw()) % 8_192);
    await emit(room > 1_200 ? room - overhead - (n % 3) : 1_500);
    at = await raw();
  }
  expect(at % 8_192).toBe(24);
  const token = await tokenAfter(east);
  expect(Number(bytesOf(token.position))).toBe(at - 24);
  expect(said(await waitFor(west, token, patient))).toBe('satisfied: replayed');
});

test('after a failover lost is said of exactly what is lost, and of nothing before it is known', async () => {
  const address = { host: '127.0.2.3', port: await freePort('127.0.2.3') };
  const third = await startThird(pair, address);
  try {
    const east = await connect('east');
    const kept = [await write(east), await write(east)];
    // West knows the transaction, and it never ended there.
    const unended = await connect('east');
    await unended.query('BEGIN');
    await insert(unended);
    const unendedXid = await transactionId(unended);
    // Committed before the switch, with a bound taken long after the commit.
    const late = await write(east);
    const west = await connect('west');
    const north = new pg.Client({ ...address, user: 'checkout', database: 'checkout' });
    open.push(north);
    north.on('error', () => {});
    await north.connect();
    const northAsRoot = new pg.Client({ ...address, user: 'postgres', database: 'checkout' });
    open.push(northAsRoot);
    northAsRoot.on('error', () => {});
    await northAsRoot.connect();
    for (const standby of [west, north]) await waitFor(standby, late, patient);
    await northAsRoot.query(`ALTER SYSTEM SET primary_conninfo = ''`);
    await northAsRoot.query('SELECT pg_reload_conf()');
    await until(
      'north receives nothing',
      async () => (await northAsRoot.query('SELECT FROM pg_stat_wal_receiver')).rows.length === 0,
    );
    await cutOff(pair);

    const lost: Token[] = [];
    for (let n = 0; n < 5; n++) lost.push(await write(east));
    await unended.query('COMMIT');
    const lostUnended = await tokenAfter(unended, unendedXid);
    const boundOfLate = await tokenAfter(east, late.xid);
    const bare = await tokenAfter(east);
    await kill(pair, 'east');
    const promotion = await promoteWest(pair);

    const on = async (client: pg.Client, tokens: readonly Token[]) => {
      const all = new Set<string>();
      for (const token of tokens) all.add(said(await waitFor(client, token, impatient)));
      return [...all];
    };
    expect(await on(west, [...kept.slice(0, 1), ...lost.slice(0, 2)])).toEqual([
      'unknown: switch-not-recorded',
    ]);
    await promotion.record();
    const after: Token[] = [];
    for (let n = 0; n < 10; n++) after.push(await write(west));

    // The trap: the ids of lost writes are committed here, as other transactions.
    const reused = await west.query('SELECT pg_xact_status($1::text::xid8) AS status', [
      lost[0]?.xid,
    ]);
    expect(reused.rows[0].status).toBe('committed');
    expect(await on(west, kept)).toEqual(['satisfied: before-switch']);
    expect(await on(west, lost)).toEqual(['lost: beyond-switch']);
    expect(await on(west, [lostUnended])).toEqual(['lost: aborted']);
    expect(await on(west, [boundOfLate])).toEqual(['satisfied: committed']);
    expect(await on(west, [bare])).toEqual(['unknown: no-transaction-id']);
    expect(await on(west, after)).toEqual(['satisfied: committed']);
    const [first] = lost;
    if (first === undefined) throw new Error('no lost write');
    const waited = await waitFor(west, first);
    expect(() => readableFrom(waited)).toThrow(WriteLost);

    // A standby that has not followed cannot decide; once it has, it gives the same answer as the
    // writer.
    expect(await on(north, lost.slice(0, 2))).toEqual(['not-yet: not-replayed']);
    expect(await on(north, after.slice(0, 1))).toEqual(['not-yet: older-timeline']);
    expect(await on(north, kept)).toEqual(['satisfied: committed']);
    const upstream = pair.address.west;
    await northAsRoot.query(
      `ALTER SYSTEM SET primary_conninfo = 'host=${upstream.host} port=${upstream.port} user=replicator'`,
    );
    await northAsRoot.query('SELECT pg_reload_conf()');
    for (const standby of [north, northAsRoot]) {
      for (const token of after) {
        expect((await waitFor(standby, token, patient)).outcome).toBe('satisfied');
      }
      expect(await on(standby, kept)).toEqual(['satisfied: before-switch']);
      expect(await on(standby, lost)).toEqual(['lost: beyond-switch']);
      expect(await on(standby, [boundOfLate])).toEqual(['satisfied: committed']);
      expect(await on(standby, [lostUnended])).toEqual(['unknown: ask-the-writer']);
      const routed = await waitFor(standby, lostUnended, { route: async () => west });
      expect(said(routed)).toBe('lost: aborted');
    }
    expect(await keys(north)).toBe(kept.length + 1 + after.length);
  } finally {
    await third.stop();
  }
});

test('a wait inside a transaction whose snapshot stays is refused, and one first in READ COMMITTED is not', async () => {
  const [east, west] = [await connect('east'), await connect('west')];
  const token = await write(east);
  await west.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await expect(waitFor(west, token, patient)).rejects.toThrow('before BEGIN');
  await west.query('ROLLBACK');
  await west.query('BEGIN');
  expect((await waitFor(west, token, patient)).outcome).toBe('satisfied');
  await west.query('COMMIT');
});

test('a database that goes away while it is asked is unknown, and the route is asked', async () => {
  const [east, west] = [await connect('east'), await connect('west')];
  const token = await write(east);
  await waitFor(west, token, patient);
  await kill(pair, 'west');
  expect(said(await waitFor(west, token, impatient))).toBe('unknown: no-answer');
  const routed = await waitFor(west, token, { ...impatient, route: async () => east });
  expect([routed.outcome, routed.routed]).toEqual(['satisfied', true]);
});

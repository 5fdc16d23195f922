import { headers, positionOf, readToken, signToken, type Token } from '@throwover/client';
import { systemClock } from 'throwover/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Checkout, createCheckout, createReads } from './checkout.ts';
import { Database, type Lease } from './database.ts';
import { type TestPostgres, testPostgres } from './fixtures/postgres.ts';
import { readSeenHeader, readSeenOf } from './read-seen.ts';

const keys = ['a key of the tests of 32 bytes or more'];

let postgres: TestPostgres;
let database: Database;
let checkout: Checkout;

beforeAll(async () => {
  postgres = await testPostgres();
});
afterAll(() => postgres.close());

beforeEach(async () => {
  await postgres.admin.query('TRUNCATE orders');
  const { host, port } = postgres;
  database = new Database({ host, port, user: 'checkout', database: 'checkout' });
  const verify = async () => null;
  checkout = createCheckout({
    ...{ database, clock: systemClock, region: 'east', paymentMs: 0, verify, keys },
  });
});
afterEach(() => database.close());

async function ask(app: Checkout, method: string, path: string, sent: Record<string, string> = {}) {
  const answer = await app({
    rawPath: path,
    headers: sent,
    requestContext: { http: { method } },
    ...(method === 'POST' ? { body: '{"amount":1250,"currency":"eur"}' } : {}),
  });
  return { ...answer, seen: readSeenOf(answer.headers[readSeenHeader]) };
}

const write = (key: string) => ask(checkout, 'POST', '/orders', { 'idempotency-key': key });
const read = (key: string, token: string, app = checkout) =>
  ask(app, 'GET', `/orders/${key}`, { [headers.token]: token });

const tokenOf = (text: string | undefined): Token => {
  const seen = readToken(text ?? '', keys);
  if (!seen.ok) throw new Error(seen.refusal);
  return seen.token;
};

/**
 * A write that this very database has rolled back: as surely lost as one that a failover left
 * behind.
 */
async function lostToken(): Promise<string> {
  await postgres.admin.query('BEGIN');
  const { rows } = await postgres.admin.query(
    'SELECT pg_current_xact_id()::text AS xid, pg_current_wal_insert_lsn()::text AS lsn',
  );
  await postgres.admin.query('ROLLBACK');
  return signToken({ position: positionOf(1, rows[0].lsn), xid: rows[0].xid }, keys);
}

test('a write is answered with its token, by which a read is satisfied', async () => {
  const { statusCode, headers: answered } = await write('key-1');
  const token = tokenOf(answered[headers.token]);
  expect(statusCode).toBe(201);
  expect(token.xid).not.toBeNull();
  expect(answered[headers.position]).toBe(token.position);
  const { statusCode: found, seen } = await read('key-1', answered[headers.token] ?? '');
  expect([found, seen?.outcome, seen?.reason]).toEqual([200, 'satisfied', 'committed']);
});

test('the same key again wrote nothing, and its token says what was read', async () => {
  const first = await write('key-1');
  const second = await write('key-1');
  expect(second.statusCode).toBe(200);
  const [made, again] = [first, second].map((one) => tokenOf(one.headers[headers.token]));
  expect(again?.xid).toBeNull();
  expect((again?.position ?? '') >= (made?.position ?? '~')).toBe(true);
});

test('a read without a token waits for nothing, and says so', async () => {
  await write('key-1');
  const { statusCode, seen } = await ask(checkout, 'GET', '/orders/key-1');
  expect(statusCode).toBe(200);
  expect(seen).toEqual({ outcome: 'satisfied', reason: 'no-token', routed: false, waitedMs: 0 });
  expect((await ask(checkout, 'GET', '/orders/none')).statusCode).toBe(404);
});

test('a write that is lost is 410, and the client is told to forget its token', async () => {
  const answer = await read('key-1', await lostToken());
  expect(answer.statusCode).toBe(410);
  expect(JSON.parse(answer.body).error.code).toBe('write-lost');
  expect(answer.headers[headers.token]).toBe('');
});

test('a token of a timeline that is not here yet is 503, and so is a forged one', async () => {
  const later = signToken({ position: positionOf(2, '0/1'), xid: '900' }, keys);
  const forged = signToken({ position: positionOf(1, '0/1'), xid: '3' }, ['f'.repeat(32)]);
  const answers = [await read('key-1', later), await read('key-1', forged)];
  expect(answers.map(({ statusCode, seen }) => [statusCode, seen?.outcome, seen?.reason])).toEqual([
    [503, 'not-yet', 'older-timeline'],
    [503, 'unknown', 'bad-signature'],
  ]);
  expect(answers.map(({ headers: answered }) => answered['retry-after'])).toEqual(['1', '1']);
});

test('without keys no token is given, and none is waited for', async () => {
  const without = createCheckout({
    ...{ database, clock: systemClock, region: 'east', paymentMs: 0, verify: null, keys: null },
  });
  const made = await ask(without, 'POST', '/orders', { 'idempotency-key': 'key-1' });
  expect(made.statusCode).toBe(201);
  expect(made.headers[headers.token]).toBeUndefined();
  expect((await read('key-1', await lostToken(), without)).statusCode).toBe(200);
});

test('the read service asks the other database when its own is not reached, and when its own cannot say', async () => {
  const away = new Database({ host: postgres.host, port: 1, user: 'checkout' });
  const token = (await write('key-1')).headers[headers.token] ?? '';
  const reads = (near: () => Promise<Lease>, elsewhere: (() => Promise<Lease>) | null) =>
    createReads({ region: 'west', keys, from: { near, elsewhere } });
  const here = () => database.lease();
  const gone = () => away.lease();

  const routed = await read('key-1', token, reads(gone, here));
  expect([routed.statusCode, routed.seen?.routed]).toEqual([200, true]);
  expect(routed.headers[headers.region]).toBe('west');
  const near = await read('key-1', token, reads(here, gone));
  expect([near.statusCode, near.seen?.routed]).toEqual([200, false]);
  expect((await read('key-1', token, reads(gone, gone))).statusCode).toBe(503);
  expect((await read('key-1', token, reads(gone, null))).statusCode).toBe(503);
  // Either database can report a loss; the read service takes no writes.
  expect((await read('key-1', await lostToken(), reads(gone, here))).statusCode).toBe(410);
  expect((await ask(reads(here, null), 'POST', '/orders')).statusCode).toBe(404);
});

test('a connection over which nothing was heard is not used again', async () => {
  const released: boolean[] = [];
  const token = (await write('key-1')).headers[headers.token] ?? '';
  const ended = async (): Promise<Lease> => {
    const { client } = await database.lease();
    await database.close();
    return { client, release: (broken) => released.push(broken) };
  };
  const other = new Database({
    ...{ host: postgres.host, port: postgres.port, user: 'checkout', database: 'checkout' },
  });
  try {
    const app = createReads({
      ...{ region: 'west', keys, from: { near: ended, elsewhere: () => other.lease() } },
    });
    const { statusCode, seen } = await read('key-1', token, app);
    expect([statusCode, seen?.routed, released]).toEqual([200, true, [true]]);
  } finally {
    await other.close();
  }
});

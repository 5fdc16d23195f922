import { headers, isPosition, timelineOf } from '@throwover/client';
import pg from 'pg';
import Stripe from 'stripe';
import { systemClock } from 'throwover/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Checkout, createCheckout } from './checkout.ts';
import { Database } from './database.ts';
import { type TestPostgres, testPostgres } from './fixtures/postgres.ts';
import type { HttpResult } from './http.ts';

const secret = 'whsec_test';

let postgres: TestPostgres;
let database: Database;
let checkout: Checkout;

beforeAll(async () => {
  postgres = await testPostgres();
});
afterAll(() => postgres.close());

const newDatabase = () =>
  new Database({
    host: postgres.host,
    port: postgres.port,
    user: 'checkout',
    database: 'checkout',
  });

function newCheckout(db: Database): Checkout {
  return createCheckout({
    database: db,
    clock: systemClock,
    region: 'east',
    paymentMs: 0,
    keys: null,
    verify: async (body, signature, { anyAge }) =>
      Stripe.webhooks.constructEvent(body, signature, secret, anyAge ? 0 : undefined),
  });
}

beforeEach(async () => {
  await postgres.admin.query('TRUNCATE orders, payments');
  database = newDatabase();
  checkout = newCheckout(database);
});
afterEach(() => database.close());

interface Ask {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly query?: string;
}

async function ask(method: string, path: string, options: Ask = {}, app: Checkout = checkout) {
  const answer: HttpResult = await app({
    rawPath: path,
    rawQueryString: options.query ?? '',
    headers: options.headers ?? {},
    requestContext: { http: { method } },
    ...(options.body === undefined
      ? {}
      : { body: Buffer.from(options.body).toString('base64'), isBase64Encoded: true }),
  });
  return { ...answer, json: JSON.parse(answer.body) };
}

const order = (key: string, app?: Checkout) =>
  ask(
    'POST',
    '/orders',
    {
      headers: { 'idempotency-key': key },
      body: JSON.stringify({ amount: 1250, currency: 'EUR' }),
    },
    app,
  );

const eventOf = (id: string, key: string) =>
  JSON.stringify({
    id,
    object: 'event',
    type: 'payment_intent.succeeded',
    data: { object: { id: 'pi_1', metadata: { order_key: key } } },
  });

const signatureOf = (payload: string, by = secret, more: object = {}) =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret: by, ...more });

/** As the gateway delivers an event: with its id, and with the sender's signature. */
const delivered = (id: string, key: string, app?: Checkout) => {
  const body = eventOf(id, key);
  const given = { [headers.eventId]: id, 'stripe-signature': signatureOf(body) };
  return ask('POST', '/webhooks/stripe', { headers: given, body }, app);
};

const count = async (table: 'orders' | 'payments') =>
  Number((await postgres.admin.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);

test('an order is made once for a key: 201 first, then 200 with the same order', async () => {
  const first = await order('key-1');
  const second = await order('key-1');
  expect([first.statusCode, second.statusCode]).toEqual([201, 200]);
  expect(second.json).toEqual(first.json);
  expect(first.json).toMatchObject({ amount: 1250, currency: 'eur', region: 'east' });
  expect(first.headers[headers.region]).toBe('east');
  expect(await count('orders')).toBe(1);
});

test('the position is an upper bound of the write, on the timeline of the log file', async () => {
  const { headers: answered } = await order('key-1');
  const position = answered[headers.position];
  if (!isPosition(position)) throw new Error(`not a position: ${position}`);
  expect(timelineOf(position)).toBe(1);
  const later = (await order('key-2')).headers[headers.position] ?? '';
  expect(later > position).toBe(true);
});

test('orders are read by key and listed newest first', async () => {
  for (const key of ['a/b', 'key-2', 'key-3']) await order(key);
  expect((await ask('GET', '/orders/a%2Fb')).json.idempotencyKey).toBe('a/b');
  expect((await ask('GET', '/orders/none')).statusCode).toBe(404);
  const { json } = await ask('GET', '/orders', { query: 'limit=2' });
  expect(json.orders.map((one: { idempotencyKey: string }) => one.idempotencyKey)).toEqual([
    'key-3',
    'key-2',
  ]);
});

test.each([
  { name: 'no key', headers: {}, body: '{"amount":1,"currency":"eur"}' },
  { name: 'no JSON', headers: { 'idempotency-key': 'k' }, body: '{' },
  { name: 'no body', headers: { 'idempotency-key': 'k' } },
  { name: 'amount 0', headers: { 'idempotency-key': 'k' }, body: '{"amount":0,"currency":"eur"}' },
  { name: 'currency', headers: { 'idempotency-key': 'k' }, body: '{"amount":1,"currency":"€"}' },
])('a wrong order ($name) is 400 and writes nothing', async ({ headers: sent, body }) => {
  const asked = {
    headers: sent as Record<string, string>,
    ...(body === undefined ? {} : { body }),
  };
  expect((await ask('POST', '/orders', asked)).statusCode).toBe(400);
  expect(await count('orders')).toBe(0);
});

test.each([
  ['GET', '/nothing'],
  ['DELETE', '/orders/key-1'],
  ['GET', '/orders/key-1/lines'],
])('%s %s is 404', async (method, path) => {
  expect((await ask(method, path)).statusCode).toBe(404);
});

test('a limit outside of its bounds is 400', async () => {
  for (const query of ['limit=0', 'limit=101', 'limit=x']) {
    expect((await ask('GET', '/orders', { query })).statusCode).toBe(400);
  }
});

test('A3: a payment takes effect once for its event id', async () => {
  await order('key-1');
  const first = await delivered('evt_1', 'key-1');
  expect(first.json).toEqual({ duplicate: false });
  expect(isPosition(first.headers[headers.position])).toBe(true);
  const second = await delivered('evt_1', 'key-1');
  expect(second.json).toEqual({ duplicate: true });
  expect(isPosition(second.headers[headers.position])).toBe(true);
  const { rows } = await postgres.admin.query('SELECT event_id, order_key FROM payments');
  expect(rows).toEqual([{ event_id: 'evt_1', order_key: 'key-1' }]);
  expect((await ask('GET', '/orders/key-1')).json.status).toBe('paid');
});

test('A3: of deliveries at the same time to several instances exactly one takes effect', async () => {
  const databases = Array.from({ length: 4 }, newDatabase);
  try {
    const answers = await Promise.all(
      databases.map((db) => delivered('evt_1', 'key-1', newCheckout(db))),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
    expect(answers.filter(({ json }) => json.duplicate === false)).toHaveLength(1);
  } finally {
    for (const db of databases) await db.close();
  }
});

test('a delivery waits for the same event in an open transaction, and does it when that rolls back', async () => {
  const other = new pg.Client({
    host: postgres.host,
    port: postgres.port,
    user: 'postgres',
    database: 'checkout',
  });
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query(`INSERT INTO payments (event_id) VALUES ('evt_1')`);
    const waiting = delivered('evt_1', 'key-1');
    for (;;) {
      const { rowCount } = await postgres.admin.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      if (rowCount) break;
    }
    await other.query('ROLLBACK');
    expect((await waiting).json).toEqual({ duplicate: false });
  } finally {
    await other.end();
  }
});

test('straight from the sender an event is taken with its signature only', async () => {
  const body = eventOf('evt_1', 'key-1');
  const signed = (by: string) => ({
    headers: { 'stripe-signature': signatureOf(body, by) },
    body,
  });
  expect((await ask('POST', '/webhooks/stripe', { body })).statusCode).toBe(401);
  expect((await ask('POST', '/webhooks/stripe', signed('whsec_other'))).statusCode).toBe(401);
  expect(await count('payments')).toBe(0);
  const answer = await ask('POST', '/webhooks/stripe', signed(secret));
  expect(answer.json).toEqual({ duplicate: false });
  const { rows } = await postgres.admin.query('SELECT event_id FROM payments');
  expect(rows).toEqual([{ event_id: 'evt_1' }]);
});

const longAgo = { timestamp: 1_600_000_000 };

test.each([
  ['no signature', (_body: string) => ({}), 401],
  [
    'that of another secret',
    (body: string) => ({ 'stripe-signature': signatureOf(body, 'whsec_x') }),
    401,
  ],
  [
    'that of another event',
    () => ({ 'stripe-signature': signatureOf(eventOf('evt_2', 'key-1')) }),
    401,
  ],
  ['an empty one', () => ({ 'stripe-signature': '' }), 401],
])("with the gateway's header and %s nothing is booked", async (_what, given, status) => {
  await order('key-1');
  const body = eventOf('evt_1', 'key-1');
  const asked = { headers: { [headers.eventId]: 'evt_1', ...given(body) }, body };
  expect((await ask('POST', '/webhooks/stripe', asked)).statusCode).toBe(status);
  expect(await count('payments')).toBe(0);
  expect((await ask('GET', '/orders/key-1')).json.status).toBe('accepted');
});

test('an old event from the gateway is booked once, also when it comes again under other ids', async () => {
  const body = eventOf('evt_1', 'key-1');
  const old = { 'stripe-signature': signatureOf(body, secret, longAgo) };
  const post = (given: Record<string, string>) =>
    ask('POST', '/webhooks/stripe', { headers: { ...old, ...given }, body });
  expect((await post({})).statusCode).toBe(401);
  expect((await post({ [headers.eventId]: 'evt_1' })).json).toEqual({ duplicate: false });
  expect((await post({ [headers.eventId]: 'evt_1' })).json).toEqual({ duplicate: true });
  expect((await post({ [headers.eventId]: 'evt_2' })).statusCode).toBe(400);
  expect(await count('payments')).toBe(1);
});

test('an event that is none is 400', async () => {
  const body = '{"id":"evt_1"}';
  const asked = {
    headers: { [headers.eventId]: 'evt_1', 'stripe-signature': signatureOf(body) },
    body,
  };
  expect((await ask('POST', '/webhooks/stripe', asked)).statusCode).toBe(400);
});

function expectAway(answer: HttpResult) {
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
  expect(JSON.parse(answer.body).error.code).toBe('database-away');
}

test('a fenced database is 503 with Retry-After; after the fence the next request connects again', async () => {
  await order('key-1');
  await postgres.firstHbaLine('host all checkout all reject');
  try {
    await postgres.admin.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'checkout'`,
    );
    expectAway(await order('key-2'));
    expectAway(await delivered('evt_1', 'key-1'));
    expectAway(await ask('GET', '/orders/key-1'));
  } finally {
    await postgres.firstHbaLine(null);
  }
  expect((await order('key-2')).statusCode).toBe(201);
});

test('a read-only database is 503 for writes, and serves reads', async () => {
  await order('key-1');
  await postgres.admin.query('ALTER ROLE checkout SET default_transaction_read_only = on');
  await database.close();
  try {
    expectAway(await order('key-2'));
    expectAway(await delivered('evt_1', 'key-1'));
    expect((await ask('GET', '/orders/key-1')).statusCode).toBe(200);
  } finally {
    await postgres.admin.query('ALTER ROLE checkout RESET default_transaction_read_only');
  }
});

test('a COMMIT without an answer is 503, and the same key finds what became of it', async () => {
  await postgres.admin.query(`
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON payments
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()`);
  try {
    const cut = delivered('evt_1', 'key-1');
    for (;;) {
      const { rowCount } = await postgres.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE usename = 'checkout' AND wait_event = 'PgSleep' AND query = 'COMMIT'`,
      );
      if (rowCount) break;
    }
    expectAway(await cut);
  } finally {
    await postgres.admin.query('DROP FUNCTION linger CASCADE');
  }
  expect((await delivered('evt_1', 'key-1')).json).toEqual({ duplicate: false });
});

test('a database that is not running is 503; a fault of ours is not hidden as one', async () => {
  await order('key-1');
  await postgres.stop();
  try {
    expectAway(await order('key-2'));
    expectAway(await order('key-2'));
  } finally {
    await postgres.start();
  }
  expect((await order('key-2')).statusCode).toBe(201);
  await postgres.admin.query('ALTER TABLE orders RENAME TO moved');
  try {
    await expect(order('key-3')).rejects.toThrow('relation "orders" does not exist');
  } finally {
    await postgres.admin.query('ALTER TABLE moved RENAME TO orders');
  }
});

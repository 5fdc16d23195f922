import { headers, type Queryable } from '@throwover/client';
import type { Clock } from 'throwover/kernel';
import { z } from 'zod';
import type { Database, Row } from './database.ts';
import {
  type HttpEvent,
  HttpProblem,
  type HttpResult,
  json,
  jsonBody,
  parse,
  problem,
} from './http.ts';
import { type OwnWrites, type ReadFrom, readOwn, writeOwn } from './own-writes.ts';

/** Most orders in one list, and the number without `limit`. */
const maxListed = 100;
const listedByDefault = 20;

const idempotencyKey = z.string().min(1).max(255);
const newOrder = z.object({
  /** In the smallest unit of the currency. */
  amount: z.int().positive().max(1_000_000_000),
  currency: z.string().regex(/^[A-Za-z]{3}$/),
});

const columns = 'idempotency_key, id, amount, currency, status, region, created_at';

/**
 * POST /orders: an order exists once for each idempotency key, whatever happens between client and
 * database. Answers 201 when this request made it, 200 when it existed. The position in the answer
 * is an upper bound of the write's position; without one there is no successful answer. With `own`,
 * the answer also has the write's token.
 */
export async function createOrder(
  event: HttpEvent,
  context: { database: Database; clock: Clock; region: string; paymentMs: number },
  own: OwnWrites | null,
): Promise<HttpResult> {
  const { database, clock, region, paymentMs } = context;
  const key = parse(idempotencyKey, event.headers['idempotency-key'], 'header idempotency-key');
  const { amount, currency } = parse(newOrder, jsonBody(event), 'order');
  // The call to the payment provider: waiting, which is most of a checkout's time.
  await clock.sleep(paymentMs);
  const insert = {
    text: `INSERT INTO orders (idempotency_key, amount, currency, status, region)
     VALUES ($1, $2, $3, 'accepted', $4) ON CONFLICT (idempotency_key) DO NOTHING
     RETURNING ${columns}`,
    values: [key, amount, currency.toLowerCase(), region],
  };
  const [made] =
    own === null
      ? (await database.query(insert.text, insert.values)).rows
      : await writeOwn(database, own, insert);
  const order = made ?? (await find(database, key));
  if (!order) throw new HttpProblem(503, 'order-vanished', 'the order was deleted meanwhile');
  const status = made ? 201 : 200;
  // The headers already have the token's position.
  if (own !== null) return json(status, toJson(order));
  return json(status, toJson(order), { [headers.position]: await database.position() });
}

/** GET /orders/:key */
export async function readOrder(database: Queryable, key: string): Promise<HttpResult> {
  const order = await find(database, key);
  if (!order) return problem(404, 'no-such-order', `no order has the key ${key}`);
  return json(200, toJson(order));
}

/** GET /orders/:key, for a client that may show the token of its write. */
export async function readOwnOrder(
  from: ReadFrom,
  key: string,
  own: OwnWrites,
): Promise<HttpResult> {
  return readOwn(from, own, (client) => readOrder(client, key));
}

/** GET /orders?limit=N: the newest first. */
export async function listOrders(database: Database, query: string): Promise<HttpResult> {
  const limit = parse(
    z.coerce.number().int().min(1).max(maxListed).default(listedByDefault),
    new URLSearchParams(query).get('limit') ?? undefined,
    'limit',
  );
  const { rows } = await database.query(
    `SELECT ${columns} FROM orders ORDER BY created_at DESC, idempotency_key LIMIT $1`,
    [limit],
  );
  return json(200, { orders: rows.map(toJson) });
}

async function find(database: Queryable, key: string): Promise<Row | undefined> {
  const { rows } = await database.query(
    `SELECT ${columns} FROM orders WHERE idempotency_key = $1`,
    [key],
  );
  return rows[0] as Row | undefined;
}

function toJson(row: Row) {
  return {
    idempotencyKey: row['idempotency_key'],
    id: row['id'],
    amount: Number(row['amount']),
    currency: row['currency'],
    status: row['status'],
    region: row['region'],
    createdAt: row['created_at'],
  };
}

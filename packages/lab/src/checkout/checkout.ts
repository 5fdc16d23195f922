/**
 * The sample application: orders and their payments, with one database connection for each
 * instance.
 *
 *   handler.ts     loaded by the function pool: settings from the environment, connection at init
 *   reader.ts      process: the read service beside a region's database
 *   checkout.ts    routes, and the answers to failures
 *   orders.ts      create once, read, list
 *   own-writes.ts  the client's own writes: their tokens, and reads that wait for them
 *   read-seen.ts   the way of a read, in a header
 *   payments.ts    webhooks, once per event id
 *   database.ts    the connection, and when the database counts as unreachable
 *   http.ts        event and result in the shape of API Gateway
 */
import type { SigningKeys } from '@throwover/client';
import type { Clock } from 'throwover/kernel';
import { type Database, DatabaseAway } from './database.ts';
import { fromRegion, type HttpEvent, HttpProblem, type HttpResult, problem } from './http.ts';
import { createOrder, listOrders, readOrder, readOwnOrder } from './orders.ts';
import { type OwnWrites, ownWritesOf, type ReadFrom } from './own-writes.ts';
import { receivePayment, type Verify } from './payments.ts';

export interface CheckoutOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly region: string;
  /** Duration of the call to the payment provider that POST /orders imitates, ms. */
  readonly paymentMs: number;
  readonly verify: Verify;
  /** Keys that sign the tokens of writes; `null`: no tokens are given, and reads wait for none. */
  readonly keys: SigningKeys | null;
}

export type Checkout = (event: HttpEvent) => Promise<HttpResult>;

/** The handler. Answers 503 with Retry-After, never 500, when the database is unreachable. */
export function createCheckout(options: CheckoutOptions): Checkout {
  return answering(options, (event, own) => route(event, options, own));
}

/**
 * Returns only the read path: orders by key, from this region's database or from the writer in
 * another region.
 */
export function createReads(options: {
  readonly region: string;
  readonly keys: SigningKeys;
  readonly from: ReadFrom;
}): Checkout {
  return answering(options, async (event, own) => {
    const [collection, item, ...rest] = partsOf(event);
    const { method } = event.requestContext.http;
    if (own === null || method !== 'GET' || collection !== 'orders') throw noSuchRoute(event);
    if (item === undefined || rest.length > 0) throw noSuchRoute(event);
    return readOwnOrder(options.from, decode(item), own);
  });
}

function answering(
  { region, keys }: Pick<CheckoutOptions, 'region' | 'keys'>,
  answer: (event: HttpEvent, own: OwnWrites | null) => Promise<HttpResult>,
): Checkout {
  return async (event) => {
    const own = keys === null ? null : ownWritesOf(event, keys);
    const result = await answer(event, own).catch(failure);
    return fromRegion({ ...result, headers: { ...result.headers, ...own?.headers } }, region);
  };
}

function failure(error: unknown): HttpResult {
  if (error instanceof HttpProblem) return problem(error.statusCode, error.code, error.message);
  if (error instanceof DatabaseAway) return problem(503, 'database-away', error.message);
  throw error;
}

async function route(
  event: HttpEvent,
  options: CheckoutOptions,
  own: OwnWrites | null,
): Promise<HttpResult> {
  const { database } = options;
  const { method } = event.requestContext.http;
  const [collection, item, ...rest] = partsOf(event);
  if (rest.length === 0 && collection === 'orders') {
    if (method === 'POST' && item === undefined) return createOrder(event, options, own);
    if (method === 'GET' && item !== undefined) {
      return own === null
        ? readOrder(database, decode(item))
        : readOwnOrder({ near: () => database.lease(), elsewhere: null }, decode(item), own);
    }
    if (method === 'GET') return listOrders(database, event.rawQueryString ?? '');
  }
  if (rest.length === 0 && collection === 'webhooks' && item !== undefined && method === 'POST') {
    return receivePayment(event, options);
  }
  throw noSuchRoute(event);
}

const partsOf = (event: HttpEvent) => event.rawPath.split('/').filter((part) => part !== '');

const noSuchRoute = ({ rawPath, requestContext: { http } }: HttpEvent) =>
  new HttpProblem(404, 'no-such-route', `${http.method} ${rawPath}`);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpProblem(400, 'bad-request', 'the path is not percent-encoded UTF-8');
  }
}

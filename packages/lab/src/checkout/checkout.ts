/**
 * The sample application: orders and their payments, one database connection an instance.
 *
 *   handler.ts   what the function pool loads: settings from the environment, connection at init
 *   checkout.ts  routes, and what a failure is answered with
 *   orders.ts    create once, read, list
 *   payments.ts  webhooks, once per event id
 *   database.ts  the connection, and when the database counts as away
 *   http.ts      event and result in the shape of API Gateway
 */
import type { Clock } from 'throwover/kernel';
import { type Database, DatabaseAway } from './database.ts';
import { fromRegion, type HttpEvent, HttpProblem, type HttpResult, problem } from './http.ts';
import { createOrder, listOrders, readOrder } from './orders.ts';
import { receivePayment, type Verify } from './payments.ts';

export interface CheckoutOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly region: string;
  /** Time of the call to the payment provider that stands in POST /orders, ms. */
  readonly paymentMs: number;
  readonly verify: Verify;
}

export type Checkout = (event: HttpEvent) => Promise<HttpResult>;

/** The handler. Answers 503 with Retry-After, never 500, when the database is away. */
export function createCheckout(options: CheckoutOptions): Checkout {
  return async (event) => fromRegion(await answer(event, options), options.region);
}

async function answer(event: HttpEvent, options: CheckoutOptions): Promise<HttpResult> {
  try {
    return await route(event, options);
  } catch (error) {
    if (error instanceof HttpProblem) return problem(error.statusCode, error.code, error.message);
    if (error instanceof DatabaseAway) return problem(503, 'database-away', error.message);
    throw error;
  }
}

async function route(event: HttpEvent, options: CheckoutOptions): Promise<HttpResult> {
  const { method } = event.requestContext.http;
  const [collection, item, ...rest] = event.rawPath.split('/').filter((part) => part !== '');
  if (rest.length === 0 && collection === 'orders') {
    if (method === 'POST' && item === undefined) return createOrder(event, options);
    if (method === 'GET' && item !== undefined) return readOrder(options.database, decode(item));
    if (method === 'GET') return listOrders(options.database, event.rawQueryString ?? '');
  }
  if (rest.length === 0 && collection === 'webhooks' && item !== undefined && method === 'POST') {
    return receivePayment(event, options);
  }
  throw new HttpProblem(404, 'no-such-route', `${method} ${event.rawPath}`);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpProblem(400, 'bad-request', 'the path is not percent-encoded UTF-8');
  }
}

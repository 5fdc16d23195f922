import { headers, processOnce } from '@throwover/client';
import { z } from 'zod';
import type { Database } from './database.ts';
import {
  type HttpEvent,
  HttpProblem,
  type HttpResult,
  json,
  jsonBody,
  parse,
  rawBody,
} from './http.ts';

/** The fields of a Stripe event that checkout reads: the paid order. */
const paymentEvent = z.object({
  id: z.string().min(1).max(255),
  data: z.object({
    object: z.object({
      id: z.string().optional(),
      metadata: z.record(z.string(), z.string()).nullish(),
    }),
  }),
});
type PaymentEvent = z.infer<typeof paymentEvent>;

/**
 * Checks a signature and returns the event, or throws. `null` when there is no secret: then
 * unsigned events are refused.
 */
export type Verify = ((body: string, signature: string) => Promise<unknown>) | null;

/**
 * POST /webhooks/:source: a payment takes effect once for each event id (A3), in one transaction
 * with the record of the id. `throwover-event-id` says that the gateway has verified the event; an
 * event that comes directly from the sender must be signed.
 */
export async function receivePayment(
  event: HttpEvent,
  context: { database: Database; verify: Verify },
): Promise<HttpResult> {
  const { database, verify } = context;
  const payment = await authentic(event, verify);
  const id = event.headers[headers.eventId] ?? payment.id;
  const order = orderKey(payment);
  const processed = await database.transaction(() =>
    processOnce(
      database,
      id,
      async () => {
        await database.query('UPDATE payments SET order_key = $2 WHERE event_id = $1', [id, order]);
        await database.query(`UPDATE orders SET status = 'paid' WHERE idempotency_key = $1`, [
          order,
        ]);
      },
      { table: 'payments' },
    ),
  );
  const position = await database.position();
  return json(200, { duplicate: processed.duplicate }, { [headers.position]: position });
}

async function authentic(event: HttpEvent, verify: Verify): Promise<PaymentEvent> {
  if (event.headers[headers.eventId] !== undefined)
    return parse(paymentEvent, jsonBody(event), 'event');
  const signature = event.headers['stripe-signature'];
  if (signature === undefined || verify === null) {
    throw new HttpProblem(
      401,
      'not-signed',
      'an event needs a signature, or the gateway before it',
    );
  }
  let verified: unknown;
  try {
    verified = await verify(rawBody(event), signature);
  } catch (error) {
    throw new HttpProblem(401, 'bad-signature', error instanceof Error ? error.message : 'refused');
  }
  return parse(paymentEvent, verified, 'event');
}

/**
 * Returns the order that the sender names in the metadata, as with Stripe; otherwise the payment's
 * own id.
 */
function orderKey({ data: { object } }: PaymentEvent): string {
  const key = object.metadata?.['order_key'] ?? object.id;
  if (key !== undefined) return key;
  throw new HttpProblem(400, 'bad-request', 'neither data.object.metadata.order_key nor an id');
}

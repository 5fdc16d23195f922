import { headers, processOnce } from '@throwover/client';
import { z } from 'zod';
import type { Database } from './database.ts';
import { type HttpEvent, HttpProblem, type HttpResult, json, parse, rawBody } from './http.ts';

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
 * Checks a signature and returns the event, or throws. `anyAge`: an old signature counts too. `null`
 * when there is no secret: then every event is refused.
 */
export type Verify =
  | ((body: string, signature: string, how: { anyAge: boolean }) => Promise<unknown>)
  | null;

/**
 * POST /webhooks/:source: a payment takes effect once for each event id (A3), in one transaction
 * with the record of the id. The sender's signature counts, whatever header comes: the gateway passes
 * it on, and anybody who reaches this port can send the gateway's headers.
 */
export async function receivePayment(
  event: HttpEvent,
  context: { database: Database; verify: Verify },
): Promise<HttpResult> {
  const { database, verify } = context;
  const payment = await authentic(event, verify);
  const { id } = payment;
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
  const named = event.headers[headers.eventId];
  const signature = event.headers['stripe-signature'];
  if (signature === undefined || verify === null) {
    throw new HttpProblem(401, 'not-signed', "an event needs its sender's signature");
  }
  let verified: unknown;
  try {
    // The gateway may deliver days later. An old event that a stranger repeats has no effect: its
    // id is in the body that was signed.
    verified = await verify(rawBody(event), signature, { anyAge: named !== undefined });
  } catch (error) {
    throw new HttpProblem(401, 'bad-signature', error instanceof Error ? error.message : 'refused');
  }
  const payment = parse(paymentEvent, verified, 'event');
  if (named === undefined || named === payment.id) return payment;
  throw new HttpProblem(400, 'bad-request', `the event is ${payment.id}, and not ${named}`);
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

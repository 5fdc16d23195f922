import { type Clock, newId, type Random } from 'throwover/kernel';

/**
 * An event in the form of Stripe's API, with the fields that its library and the application read.
 */
export type StripeEvent = ReturnType<typeof paymentSucceeded>;

/**
 * Returns a payment of an invented order. Ids contain the time, so that two runs with one seed have
 * different ids.
 */
export function paymentSucceeded(apiVersion: string, clock: Clock, random: Random) {
  return {
    id: newId('evt', clock, random),
    object: 'event',
    api_version: apiVersion,
    /** Seconds since the Unix epoch. */
    created: Math.floor(clock.wallMs() / 1_000),
    data: {
      object: {
        id: newId('pi', clock, random),
        object: 'payment_intent',
        amount: 500 + random.integer(50_000),
        currency: 'eur',
        status: 'succeeded',
        metadata: { order_key: newId('order', clock, random) },
      },
    },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: 'payment_intent.succeeded',
  };
}

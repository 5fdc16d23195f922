import { type Clock, newId, type Random } from 'throwover/kernel';

/**
 * An event in the form of Stripe's API, with the fields that its library and the application read.
 */
export interface StripeEvent {
  readonly id: string;
  readonly object: 'event';
  readonly api_version: string;
  /** Seconds since the Unix epoch. */
  readonly created: number;
  readonly data: {
    readonly object: {
      readonly id: string;
      readonly object: 'payment_intent';
      readonly amount: number;
      readonly currency: string;
      readonly status: 'succeeded';
      readonly metadata: Readonly<Record<string, string>>;
    };
  };
  readonly livemode: boolean;
  readonly pending_webhooks: number;
  readonly request: { readonly id: null; readonly idempotency_key: null };
  readonly type: 'payment_intent.succeeded';
}

/**
 * Returns a payment of an invented order. Ids contain the time, so that two runs with one seed have
 * different ids.
 */
export function paymentSucceeded(apiVersion: string, clock: Clock, random: Random): StripeEvent {
  return {
    id: newId('evt', clock, random),
    object: 'event',
    api_version: apiVersion,
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

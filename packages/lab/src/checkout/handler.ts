/**
 * The function that the pool loads. Its top-level code is the function's init: it reads the
 * environment and connects, so that a provisioned instance is READY only with a database
 * connection.
 *
 * Environment: `PG*` for the connection, `THROWOVER_REGION`, `CHECKOUT_PAYMENT_MS` (default 25),
 * `STRIPE_WEBHOOK_SECRET` (without it every webhook is refused), `CHECKOUT_TOKEN_KEY` where writes are
 * answered with a token and reads wait for it.
 */
import { withWarmUp } from '@throwover/client';
import { systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { createCheckout } from './checkout.ts';
import { Database } from './database.ts';
import type { Verify } from './payments.ts';

const environment = z
  .object({
    THROWOVER_REGION: z.string().min(1),
    /**
     * 25 ms: like a payment API in the same region, and enough concurrency to be seen in a small
     * pool.
     */
    CHECKOUT_PAYMENT_MS: z.coerce.number().nonnegative().default(25),
    STRIPE_WEBHOOK_SECRET: z.string().optional(),
    CHECKOUT_TOKEN_KEY: z.string().optional(),
    AWS_LAMBDA_INITIALIZATION_TYPE: z.string().default('on-demand'),
  })
  .parse(process.env);

const database = new Database();
try {
  await database.connect();
} catch (error) {
  // An on-demand instance then answers 503, and tries again with each request.
  if (environment.AWS_LAMBDA_INITIALIZATION_TYPE === 'provisioned-concurrency') throw error;
}

const checkout = createCheckout({
  database,
  clock: systemClock,
  region: environment.THROWOVER_REGION,
  paymentMs: environment.CHECKOUT_PAYMENT_MS,
  keys: environment.CHECKOUT_TOKEN_KEY === undefined ? null : [environment.CHECKOUT_TOKEN_KEY],
  verify: await stripeVerify(environment.STRIPE_WEBHOOK_SECRET),
});

/** Warm-up invocations end here, with an open connection; the application never sees them. */
export const handler = withWarmUp(checkout, { prepare: () => database.connect() });

/** Loaded only when needed: the package adds about 100 ms to a cold start. */
async function stripeVerify(secret: string | undefined): Promise<Verify> {
  if (secret === undefined) return null;
  const { default: Stripe } = await import('stripe');
  return async (body, signature, { anyAge }) =>
    Stripe.webhooks.constructEvent(body, signature, secret, anyAge ? 0 : undefined);
}

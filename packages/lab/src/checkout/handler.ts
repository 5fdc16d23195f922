/**
 * What the function pool loads. Its top-level code is the function's init: it reads the environment
 * and connects, so that a provisioned instance is READY only with a database connection.
 *
 * Environment: `PG*` for the connection, `THROWOVER_REGION`, `CHECKOUT_PAYMENT_MS` (default 25),
 * `STRIPE_WEBHOOK_SECRET` where senders post without the gateway, `CHECKOUT_TOKEN_KEY` where writes are
 * answered with a token and reads wait for it.
 */
import { systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { createCheckout } from './checkout.ts';
import { Database } from './database.ts';
import type { Verify } from './payments.ts';

const environment = z
  .object({
    THROWOVER_REGION: z.string().min(1),
    /** 25 ms: a payment API in the same region, and a concurrency that a small pool shows. */
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
  // An instance that a request waits for answers 503 then, and tries again with each request.
  if (environment.AWS_LAMBDA_INITIALIZATION_TYPE === 'provisioned-concurrency') throw error;
}

export const handler = createCheckout({
  database,
  clock: systemClock,
  region: environment.THROWOVER_REGION,
  paymentMs: environment.CHECKOUT_PAYMENT_MS,
  keys: environment.CHECKOUT_TOKEN_KEY === undefined ? null : [environment.CHECKOUT_TOKEN_KEY],
  verify: await stripeVerify(environment.STRIPE_WEBHOOK_SECRET),
});

/** Loaded only where it is used: the package costs about 100 ms of a cold start. */
async function stripeVerify(secret: string | undefined): Promise<Verify> {
  if (secret === undefined) return null;
  const { default: Stripe } = await import('stripe');
  return async (body, signature) => Stripe.webhooks.constructEvent(body, signature, secret);
}

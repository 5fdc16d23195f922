import { headers as wire } from '@throwover/client';
import { z } from 'zod';
import { assertNever, type Clock } from '../kernel/kernel.ts';
import { parseSecretRef, resolveSecret } from '../service/service.ts';
import type { SourceConfig } from './config.ts';
import { webhookErrors } from './errors.ts';

/**
 * Largest age of a Stripe signature, seconds: the default of Stripe's own libraries. Stripe signs
 * each retry again, with the time of that attempt, so a late retry passes and a recorded request
 * does not.
 */
const STRIPE_TOLERANCE_S = 300;

/**
 * Longest event id that is accepted; Stripe's have 28 characters. It is sent in a header: visible
 * ASCII only.
 */
const MAX_ID = 255;

export interface Incoming {
  readonly body: Buffer;
  header(name: string): string | undefined;
}

export interface Verifier {
  /** Returns the event's id, or throws `webhook-signature-refused` or `webhook-without-id`. */
  verify(incoming: Incoming): string;
  /**
   * The header that carries the scheme's signature, in lower case; null: it has none. It is kept
   * with the event and sent to the application, which can verify it again.
   */
  readonly signatureHeader: string | null;
}

const stripeHeader = 'stripe-signature';

const identified = z.object({
  id: z
    .string()
    .max(MAX_ID)
    .regex(/^[\x21-\x7e]+$/),
});

export async function verifierOf(
  source: SourceConfig,
  { clock, env }: { clock: Clock; env: Readonly<Record<string, string | undefined>> },
): Promise<Verifier> {
  switch (source.scheme) {
    case 'stripe': {
      // A relative path of a file is relative to the directory in which the gateway was started.
      const from = { env, directory: '.' };
      const secret = await resolveSecret(parseSecretRef(source.secret), from);
      return stripeVerifier(secret, clock);
    }
    case 'none':
      return { verify: idOf, signatureHeader: null };
    default:
      return assertNever(source);
  }
}

/** The SDK takes about 0.2 s to load, so only a gateway with a Stripe source loads it. */
async function stripeVerifier(secret: string, clock: Clock): Promise<Verifier> {
  const { default: Stripe } = await import('stripe');
  const verify = ({ body, header }: Incoming) => {
    let event: unknown;
    try {
      event = Stripe.webhooks.constructEvent(
        body,
        header(stripeHeader) ?? '',
        secret,
        STRIPE_TOLERANCE_S,
        undefined,
        clock.wallMs(),
      );
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      throw webhookErrors.make('webhook-signature-refused', reason);
    }
    return idIn(event);
  };
  return { verify, signatureHeader: stripeHeader };
}

function idOf({ body, header }: Incoming): string {
  const named = header(wire.eventId);
  if (named !== undefined) return idIn({ id: named });
  try {
    return idIn(JSON.parse(body.toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return idIn(undefined);
    throw error;
  }
}

function idIn(event: unknown): string {
  const parsed = identified.safeParse(event);
  if (parsed.success) return parsed.data.id;
  throw webhookErrors.make(
    'webhook-without-id',
    `the event has no id of 1 to ${MAX_ID} visible ASCII characters`,
  );
}

import { z } from 'zod';
import { identitySchema, insecure } from '../access/identity.ts';
import { TimeScale } from '../kernel/kernel.ts';
import { isSecretRef } from '../service/service.ts';
import { webhookErrors } from './errors.ts';

/**
 * Stripe retries a live event for up to three days, so an id must be remembered at least that long.
 * Otherwise a late retry would be taken for a new event.
 */
export const MIN_RETENTION_HOURS = 72;

const HOUR_MS = 3_600_000;

/** How often delivered events past their retention are deleted, ms of life time. */
const PRUNE_EVERY_LIFE_MS = 600_000;

const port = z.int().min(0).max(65_535);
const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'lower case letters, digits and dashes');
const baseUrl = z.url({ protocol: /^https?$/ });

const path = z
  .string()
  .startsWith('/')
  .describe("Path at the active region's door, for example `/webhooks/stripe`");

const scheme = <Scheme extends string>(value: Scheme) =>
  z
    .literal(value)
    .describe(
      'How a webhook is verified. `none`: not at all; use it only behind a server that verifies, because everybody who reaches the port can create events',
    );

const sourceSchema = z.discriminatedUnion('scheme', [
  z.strictObject({
    scheme: scheme('stripe'),
    secret: z
      .string()
      .refine(isSecretRef, 'env:NAME or file:PATH')
      .describe('Only with `stripe`. Place of the signing secret: `env:NAME` or `file:PATH`'),
    path,
  }),
  z.strictObject({ scheme: scheme('none'), path }),
]);

const deliverySchema = z.strictObject({
  concurrency: z
    .int()
    .min(1)
    .max(256)
    .default(4)
    .describe(
      'Deliveries of one source at the same time; 1 keeps the order of arrival. Each one takes a function instance',
    ),
  // Above a slow cold start: up to 8 s has been seen.
  timeoutMs: z
    .int()
    .min(10)
    .default(15_000)
    .describe('Longest time for one attempt, ms; keep it above a cold start'),
  retryBaseMs: z
    .int()
    .min(1)
    .default(5_000)
    .describe(
      'First pause after the application has refused an event, ms; it doubles with each refusal',
    ),
  retryCapMs: z.int().min(1).default(3_600_000).describe('Longest pause after a refusal, ms'),
  maxRefusals: z
    .int()
    .min(1)
    .default(20)
    .describe(
      'Number of refusals after which an event is a dead letter: about ten hours with the defaults',
    ),
  awayBaseMs: z
    .int()
    .min(1)
    .default(1_000)
    .describe('First pause when the door does not answer, ms; it doubles each time'),
  awayCapMs: z
    .int()
    .min(1)
    .default(15_000)
    .describe('Longest pause when the door does not answer, ms'),
  drainMs: z
    .int()
    .min(0)
    .max(20_000)
    .default(2_000)
    .describe('How long a change of mode waits for deliveries before it aborts them, ms'),
});

export const gatewayConfigSchema = z
  .strictObject({
    region: name.describe('Name of this region, as in throwover.yaml'),
    host: z.string().default('127.0.0.1').describe('Address for senders'),
    port: port.describe('Port for senders; 0 takes a free one'),
    adminHost: z.string().default('127.0.0.1').describe('Address for commands'),
    adminPort: port.describe('Port for commands; 0 takes a free one'),
    identity: identitySchema
      .optional()
      .describe(
        "This gateway's [certificate](certificates.md), for the port for commands. Without one, whoever reaches that port may send webhooks elsewhere",
      ),
    insecure,
    dataDir: z.string().min(1).describe('Directory of the journal, which holds every event'),
    sources: z
      .record(name, sourceSchema)
      .refine((all) => Object.keys(all).length > 0, 'name at least one source')
      .describe('Senders by name, at least one; a sender posts to `/in/NAME`'),
    initial: z
      .strictObject({
        region: name.describe('Active region'),
        url: baseUrl.describe('URL of its door'),
        epoch: z.int().min(0).describe('Epoch of the service'),
      })
      .nullable()
      .describe(
        'Where events go before the first command; `null`: they are kept until a command says so. A mode in the journal counts more',
      ),
    retentionHours: z
      .number()
      .min(MIN_RETENTION_HOURS, `at least ${MIN_RETENTION_HOURS} h: senders retry for three days`)
      .default(MIN_RETENTION_HOURS)
      .describe('How long delivered events are kept, h: senders retry for three days'),
    journalMaxBytes: z
      .int()
      .min(65_536)
      .default(8 * 2 ** 30)
      .describe(
        'Largest size of the journal, bytes; 8 GiB hold 72 h of about 20 events of 1.5 KB per second',
      ),
    timeScale: z
      .number()
      .positive()
      .default(1)
      .describe(
        'Divides `retentionHours` and the pauses; for tests: 60 makes a second of a minute',
      ),
    delivery: deliverySchema.prefault({}).describe('How events are delivered'),
  })
  .refine(
    ({ delivery }) =>
      delivery.retryBaseMs <= delivery.retryCapMs && delivery.awayBaseMs <= delivery.awayCapMs,
    {
      path: ['delivery'],
      message: 'a cap is below its base',
    },
  )
  .transform(({ timeScale, retentionHours, delivery, ...config }) => {
    const real = (lifeMs: number) => new TimeScale(timeScale).real(lifeMs);
    const { retryBaseMs, retryCapMs, awayBaseMs, awayCapMs, ...attempts } = delivery;
    const retry = { baseMs: real(retryBaseMs), capMs: real(retryCapMs) };
    const away = { baseMs: real(awayBaseMs), capMs: real(awayCapMs) };
    return {
      ...config,
      delivery: { ...attempts, retry, away },
      retentionMs: real(retentionHours * HOUR_MS),
      pruneEveryMs: real(PRUNE_EVERY_LIFE_MS),
    };
  });

/** A checked configuration, its durations as they last here. */
export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
export type SourceConfig = GatewayConfig['sources'][string];
export type DeliveryConfig = GatewayConfig['delivery'];

export function parseGatewayConfig(input: unknown): GatewayConfig {
  const parsed = gatewayConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'configuration'}: ${message}`,
  );
  throw webhookErrors.make('gateway-config-invalid', problems.join('; '), { problems });
}

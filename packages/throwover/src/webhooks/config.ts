import { z } from 'zod';
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

const sourceSchema = z.discriminatedUnion('scheme', [
  z.strictObject({
    scheme: z.literal('stripe'),
    /** A reference, never the secret itself. */
    secret: z.string().refine(isSecretRef, 'env:NAME or file:PATH'),
    /** Path at the active region's door, for example `/webhooks/stripe`. */
    path: z.string().startsWith('/'),
  }),
  z.strictObject({
    /**
     * Anybody who reaches the port can create events. Use it only behind a server that verifies
     * them.
     */
    scheme: z.literal('none'),
    path: z.string().startsWith('/'),
  }),
]);

const deliverySchema = z.strictObject({
  /**
   * Deliveries in flight at the same time for one source. 1 makes the order strict; each one takes
   * a function instance.
   */
  concurrency: z.int().min(1).max(256).default(4),
  /**
   * Upper bound on one attempt, ms of the machine. Above a slow cold start (up to 8 s has been
   * seen).
   */
  timeoutMs: z.int().min(10).default(15_000),
  /** First pause after a refusal, ms of life time; it doubles up to `retryCapMs`. */
  retryBaseMs: z.int().min(1).default(5_000),
  retryCapMs: z.int().min(1).default(3_600_000),
  /**
   * Number of refusals by the application after which the event is a dead letter: about ten hours
   * with the defaults.
   */
  maxRefusals: z.int().min(1).default(20),
  /**
   * First pause when the door does not answer at all, ms of life time; it doubles up to
   * `awayCapMs`.
   */
  awayBaseMs: z.int().min(1).default(1_000),
  awayCapMs: z.int().min(1).default(15_000),
  /**
   * How long a change of mode waits for deliveries in flight before it aborts them, ms of the
   * machine.
   */
  drainMs: z.int().min(0).max(20_000).default(2_000),
});

const gatewayConfigSchema = z
  .strictObject({
    region: name,
    host: z.string().default('127.0.0.1'),
    port,
    /** The admin port has no authentication: keep it on a private address. */
    adminHost: z.string().default('127.0.0.1'),
    adminPort: port,
    dataDir: z.string().min(1),
    sources: z
      .record(name, sourceSchema)
      .refine((all) => Object.keys(all).length > 0, 'name at least one source'),
    /**
     * The target of deliveries before the first command; `null`: hold until told. The mode in the
     * journal takes precedence.
     */
    initial: z.strictObject({ region: name, url: baseUrl, epoch: z.int().min(0) }).nullable(),
    /** How long delivered events are kept, hours of life time. */
    retentionHours: z
      .number()
      .min(MIN_RETENTION_HOURS, `at least ${MIN_RETENTION_HOURS} h: senders retry for three days`)
      .default(MIN_RETENTION_HOURS),
    /**
     * Upper bound on the journal's file. 8 GiB hold 72 h of about 20 events of 1.5 KB per second.
     */
    journalMaxBytes: z
      .int()
      .min(65_536)
      .default(8 * 2 ** 30),
    /** 60 in the lab: a minute of life time is a second here. */
    timeScale: z.number().positive().default(1),
    delivery: deliverySchema.prefault({}),
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

import { z } from 'zod';
import { endpoint } from '../schemas.ts';

export const senderConfig = z.strictObject({
  ...endpoint.shape,
  /** 60: a minute of life time is a second here. Applies only to the waits between attempts. */
  timeScale: z.number().positive(),
  seed: z.int(),
  /**
   * Signing secret of the endpoint, `whsec_...`, the same as in the gateway and the application.
   */
  secret: z.string().min(1),
});
export type SenderConfig = z.infer<typeof senderConfig>;

const httpUrl = z.url({ protocol: /^http$/ });

export const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Full URLs of one source at each gateway; the first is used until it fails, then the next. */
    kind: z.literal('gateways'),
    urls: z.array(httpUrl).min(1).max(8),
  }),
  z.strictObject({
    /** The service's public name, looked up for every attempt, on a new connection. */
    kind: z.literal('dns'),
    name: z.string().min(1),
    port: z.int().min(1).max(65_535),
    path: z.string().startsWith('/'),
    /** `127.0.0.1:7630` */
    resolver: z.string().regex(/^[\d.]+:\d+$/, 'ADDRESS:PORT'),
  }),
]);
export type TargetConfig = z.infer<typeof targetSchema>;

/** Above this rate the two cores of a small machine would limit the sender. */
const MAX_RATE = 1_000;

export const startSchema = z.strictObject({
  ratePerSecond: z.number().positive().max(MAX_RATE),
  /** Seed of the events' contents and of the waits' jitter; default: that of the configuration. */
  seed: z.int().optional(),
  target: targetSchema,
});
export type StartCommand = z.infer<typeof startSchema>;

/** One event and its outcome: the form of a line in a run's evidence. */
export const webhookRecord = z.object({
  type: z.literal('webhook'),
  id: z.string(),
  createdMs: z.number(),
  attempts: z.array(z.object({ atMs: z.number(), status: z.int() })),
  state: z.enum(['delivered', 'retrying', 'gave-up']),
});
export type WebhookRecord = z.infer<typeof webhookRecord>;

import { z } from 'zod';
import type { GatewayMode, GatewayStatus, LossWindow } from './gateway-control.ts';

/**
 * The messages of a gateway's admin port.
 *
 *   GET /v1/gateway                            -> GatewayDetails
 *   PUT /v1/gateway/mode {mode, token}         -> GatewayDetails, or 409 gateway-refused
 *   POST /v1/gateway/redeliver {window, token} -> {events}, or 409 gateway-refused
 *   GET /v1/gateway/events?state&limit&after   -> {events: GatewayEvent[], hasMore}
 */
const epoch = z.int().min(0);

export const gatewayModeSchema = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('hold'), epoch }),
  z.strictObject({
    mode: z.literal('deliver'),
    epoch,
    region: z.string().min(1).max(63),
    url: z.url({ protocol: /^https?$/ }),
  }),
]) satisfies z.ZodType<GatewayMode>;

export const setModeSchema = z.strictObject({ mode: gatewayModeSchema, token: z.int().min(0) });

const positionText = z.string().regex(/^[0-9A-F]{8}\/[0-9A-F]{16}$/, 'expected a position');

export const redeliverSchema = z.strictObject({
  window: z.strictObject({
    key: z.string().min(1).max(128),
    epoch,
    fromWallMs: z.number().nullable(),
    beyond: positionText.nullable(),
  }) satisfies z.ZodType<LossWindow>,
  token: z.int().min(0),
});

export const redeliveredSchema = z.object({ events: z.int().min(0) });

/** Unknown fields are dropped, so that a newer gateway can be asked. */
export const gatewayStatusSchema = z.object({
  region: z.string(),
  current: gatewayModeSchema,
  backlog: z.int(),
  refusedWaiting: z.int().default(0),
  redelivering: z.int().default(0),
  inFlight: z.int(),
  accepted: z.int(),
  delivered: z.int(),
  deadLetters: z.int(),
  oldestMs: z.number().nullable(),
}) satisfies z.ZodType<GatewayStatus>;

/** The status with further facts, for people, dashboards and tests. */
export interface GatewayDetails extends GatewayStatus {
  readonly token: number;
  /** stopped: a write failed; the gateway accepts and delivers nothing until a restart. */
  readonly journal: { readonly state: 'open' | 'stopped'; readonly error: string | null };
  /**
   * The reason why the door does not answer: deliveries wait, and one at a time is tried again.
   * Otherwise `null`.
   */
  readonly away: string | null;
  /** Counts since the process started. A wrong secret shows as `signatureRefused`. */
  readonly sources: Readonly<Record<string, SourceCounts>>;
}

export interface SourceCounts {
  readonly accepted: number;
  readonly duplicates: number;
  readonly signatureRefused: number;
  readonly lastSignatureError: string | null;
}

export const eventStates = ['pending', 'delivered', 'dead'] as const;
export type EventState = (typeof eventStates)[number];

/** Highest number of events in one answer: a page that a person or a script reads at once. */
export const MAX_PAGE = 1_000;

export const eventsQuerySchema = z.strictObject({
  state: z.enum(eventStates).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  /** `seq` of the last event of the page before. */
  after: z.coerce.number().int().min(0).default(0),
});

/** One event of the journal, without its body. */
export interface GatewayEvent {
  readonly seq: number;
  readonly source: string;
  readonly id: string;
  readonly state: EventState;
  readonly receivedMs: number;
  /** Number of attempts whose end was recorded, including those with an unknown outcome. */
  readonly attempts: number;
  readonly refusals: number;
  /** The reason why the last attempt was not a delivery, or `null`. */
  readonly reason: string | null;
  /** Time at which it was delivered or became a dead letter, wall ms. */
  readonly endedMs: number | null;
  readonly region: string | null;
  readonly epoch: number | null;
  /** The `throwover-position` that the application returned. */
  readonly position: string | null;
  /** It was put back into the queue after a delivery. */
  readonly redelivery: boolean;
}

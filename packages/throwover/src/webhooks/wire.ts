import { z } from 'zod';
import type { ValueOf } from '../wire/wire.ts';

/** The messages of a gateway's admin port; calls.ts is the table of its calls. */

const epoch = z.int().min(0);

export const gatewayModeSchema = z.discriminatedUnion('mode', [
  /** Accept and journal, deliver nothing. When the call is answered, no delivery is in flight. */
  z.strictObject({ mode: z.literal('hold'), epoch }),
  /** Deliver to the active region's door at this base URL. */
  z.strictObject({
    mode: z.literal('deliver'),
    epoch,
    region: z.string().min(1).max(63),
    url: z.url({ protocol: /^https?$/ }),
  }),
]);
export type GatewayMode = ValueOf<typeof gatewayModeSchema>;

export const setModeSchema = z.strictObject({ mode: gatewayModeSchema, token: z.int().min(0) });

const positionText = z.string().regex(/^[0-9A-F]{8}\/[0-9A-F]{16}$/, 'expected a position');

/**
 * Deliveries whose effect a lossy promotion may have lost: made in `epoch` or before, and either at
 * `fromWallMs` (the gateway's clock) or later, or answered with a position beyond `beyond` on its
 * timeline. There is no upper end, because a gateway that was cut off went on delivering to the
 * lost side.
 */
const lossWindow = z.strictObject({
  /** The run's id, so that the run redelivers a window once. */
  key: z.string().min(1).max(128),
  epoch,
  /** `null`: select by position only. */
  fromWallMs: z.number().nullable(),
  /** Position at which the new timeline left the old one; `null`: select by time only. */
  beyond: positionText.nullable(),
});
export type LossWindow = ValueOf<typeof lossWindow>;

export const redeliverSchema = z.strictObject({ window: lossWindow, token: z.int().min(0) });

export const redeliveredSchema = z.object({ events: z.int().min(0) });

const gatewayStatus = z.object({
  region: z.string(),
  current: gatewayModeSchema,
  /** Number of accepted events that are not delivered: they are only in this gateway's journal. */
  backlog: z.int(),
  /**
   * Number of events in the backlog that the application answered, but not with 2xx; they wait for
   * their next attempt.
   */
  refusedWaiting: z.int(),
  /** Number of events in the backlog that were delivered before and put back by `redeliver`. */
  redelivering: z.int(),
  inFlight: z.int(),
  /** Totals in the journal. */
  accepted: z.int(),
  delivered: z.int(),
  deadLetters: z.int(),
  /** Age of the oldest event that is not delivered, ms; `null` if there is none. */
  oldestMs: z.number().nullable(),
});
export type GatewayStatus = ValueOf<typeof gatewayStatus>;

/** The status, with further facts for people, dashboards and tests. Unknown fields are dropped. */
export const gatewayDetailsSchema = gatewayStatus.extend({
  token: z.int().min(0),
  /** stopped: a write failed; the gateway accepts and delivers nothing until a restart. */
  journal: z.object({ state: z.enum(['open', 'stopped']), error: z.string().nullable() }),
  /**
   * The reason why the door does not answer: deliveries wait, and one at a time is tried again.
   * Otherwise `null`.
   */
  away: z.string().nullable(),
  /** Counts since the process started. A wrong secret shows as `signatureRefused`. */
  sources: z.record(
    z.string(),
    z.object({
      accepted: z.int(),
      duplicates: z.int(),
      signatureRefused: z.int(),
      lastSignatureError: z.string().nullable(),
    }),
  ),
});
export type GatewayDetails = z.infer<typeof gatewayDetailsSchema>;
export type SourceCounts = GatewayDetails['sources'][string];

const eventStates = ['pending', 'delivered', 'dead'] as const;
export type EventState = (typeof eventStates)[number];

/** Highest number of events in one answer: a page that a person or a script reads at once. */
const MAX_PAGE = 1_000;

export const eventsQuerySchema = z.strictObject({
  state: z.enum(eventStates).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  /** `seq` of the last event of the page before. */
  after: z.coerce.number().int().min(0).default(0),
});

/** One event of the journal, without its body. */
const gatewayEventSchema = z.object({
  seq: z.int(),
  source: z.string(),
  id: z.string(),
  state: z.enum(eventStates),
  receivedMs: z.number(),
  /** Number of attempts whose end was recorded, including those with an unknown outcome. */
  attempts: z.int(),
  refusals: z.int(),
  /** The reason why the last attempt was not a delivery, or `null`. */
  reason: z.string().nullable(),
  /** Time at which it was delivered or became a dead letter, wall ms. */
  endedMs: z.number().nullable(),
  region: z.string().nullable(),
  epoch: z.int().nullable(),
  /** The `throwover-position` that the application returned. */
  position: z.string().nullable(),
  /** It was put back into the queue after a delivery. */
  redelivery: z.boolean(),
});
export type GatewayEvent = Readonly<z.infer<typeof gatewayEventSchema>>;

export const eventsSchema = z.object({ events: z.array(gatewayEventSchema), hasMore: z.boolean() });

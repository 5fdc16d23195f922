import { z } from 'zod';
import type { ValueOf } from '../wire/wire.ts';

/**
 * Longest hold or cut that a door accepts, ms: clients and load balancers give up after 30 to 60 s.
 */
export const longestHoldMs = 30_000;

const epoch = z.int().min(0);
const name = z.string().min(1).max(100);

/** The modes that PUT /v1/door accepts. */
export const doorModeSchema = z.discriminatedUnion('mode', [
  /** Requests go to the region's own application. */
  z.strictObject({ mode: z.literal('serve'), epoch }),
  /**
   * New requests wait for the next mode, at most `maxMs`. Then they get 503 with Retry-After, and
   * the door returns to serving, or to forwarding if that is its durable mode.
   */
  z.strictObject({
    mode: z.literal('hold'),
    epoch,
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  /**
   * Every client loses its connection without an answer, as from a lost region: a drill's loss of a
   * region. At most `maxMs`; then the door returns to serving or forwarding.
   */
  z.strictObject({
    mode: z.literal('cut'),
    epoch,
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  /**
   * A share of the requests goes to another region's door at this base URL, the rest to the
   * region's own application: both can serve. At most `maxMs`; then the door returns to serving or
   * forwarding.
   */
  z.strictObject({
    mode: z.literal('share'),
    epoch,
    region: name,
    url: z.url({ protocol: /^https?$/ }),
    share: z.number().min(0).max(1),
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  /** Requests go to the active region's door at this base URL. */
  z.strictObject({
    mode: z.literal('forward'),
    epoch,
    region: name,
    url: z.url({ protocol: /^https?$/ }),
  }),
]);
export type DoorMode = ValueOf<typeof doorModeSchema>;

/** Body of PUT /v1/door. It names the target region, so that a wrong address changes nothing. */
export const doorCommandSchema = z.strictObject({
  region: name,
  mode: doorModeSchema,
  token: z.int().min(0),
});

const count = z.int().min(0);

/** Answer of GET and PUT /v1/door. */
export const doorStatusSchema = z.object({
  region: name,
  current: doorModeSchema,
  inFlight: count,
  held: count,
  /** Totals since the door started. */
  served: count,
  forwarded: count,
  refused: count,
  /** Highest number of requests in service in a typical (median) second of the last 60. */
  peakConcurrency: count,
});
export type DoorStatus = ValueOf<typeof doorStatusSchema>;

/** Query of GET /v1/door/latency: a period of wall time, in pieces. */
export const latencySpanSchema = z.object({
  sinceWallMs: z.coerce.number().min(0),
  untilWallMs: z.coerce.number().min(0),
  widthMs: z.coerce.number().positive(),
});
export type LatencySpan = ValueOf<typeof latencySpanSchema>;

const ms = z.number().min(0).nullable();

/** The results of the region's own application for the requests of a period. */
const latencyPiece = z.object({
  fromWallMs: z.number(),
  requests: count,
  /**
   * Requests that were answered with 5xx, cut off before the answer was complete, or refused for
   * lack of room.
   */
  failed: count,
  /**
   * Answers of instances that were started for them; `null`: the application does not report it
   * (`withWarmUp`).
   */
  coldStarts: count.nullable(),
  /** Arithmetic mean, ms. */
  meanMs: ms,
  /** Upper bounds of bins of 5 %, ms. */
  p50Ms: ms,
  p99Ms: ms,
});
export type LatencyPiece = ValueOf<typeof latencyPiece>;

/** Answer of GET /v1/door/latency. */
export const latencySchema = z.array(latencyPiece);

import { z } from 'zod';
import type { DoorMode, DoorStatus, LatencySpan } from './door.ts';
import type { LatencyPiece } from './latency-minutes.ts';

/**
 * Longest hold or cut that a door accepts, ms: clients and load balancers give up after 30 to 60 s.
 */
export const longestHoldMs = 30_000;

const epoch = z.int().min(0);
const name = z.string().min(1).max(100);

/** The modes that PUT /v1/door accepts. */
export const doorModeSchema: z.ZodType<DoorMode> = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('serve'), epoch }),
  z.strictObject({
    mode: z.literal('hold'),
    epoch,
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  z.strictObject({
    mode: z.literal('cut'),
    epoch,
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  z.strictObject({
    mode: z.literal('share'),
    epoch,
    region: name,
    url: z.url({ protocol: /^https?$/ }),
    share: z.number().min(0).max(1),
    maxMs: z.number().positive().max(longestHoldMs),
  }),
  z.strictObject({
    mode: z.literal('forward'),
    epoch,
    region: name,
    url: z.url({ protocol: /^https?$/ }),
  }),
]);

/** Body of PUT /v1/door. It names the target region, so that a wrong address changes nothing. */
export const doorCommandSchema = z.strictObject({
  region: name,
  mode: doorModeSchema,
  token: z.int().min(0),
});

const count = z.int().min(0);

/** Answer of GET and PUT /v1/door. */
export const doorStatusSchema: z.ZodType<DoorStatus> = z.object({
  region: name,
  current: doorModeSchema,
  inFlight: count,
  held: count,
  served: count,
  forwarded: count,
  refused: count,
  peakConcurrency: count,
});

/** Query of GET /v1/door/latency. */
export const latencySpanSchema: z.ZodType<LatencySpan> = z.object({
  sinceWallMs: z.coerce.number().min(0),
  untilWallMs: z.coerce.number().min(0),
  widthMs: z.coerce.number().positive(),
});

const ms = z.number().min(0).nullable();

/** Answer of GET /v1/door/latency. */
export const latencySchema: z.ZodType<readonly LatencyPiece[]> = z.array(
  z.object({
    fromWallMs: z.number(),
    requests: count,
    failed: count,
    coldStarts: count.nullable(),
    meanMs: ms,
    p50Ms: ms,
    p99Ms: ms,
  }),
);

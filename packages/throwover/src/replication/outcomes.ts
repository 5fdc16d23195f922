import { z } from 'zod';
import { positionSchema } from '../authority/authority.ts';
import { stepOutcome } from '../runbook/runbook.ts';
import type { ValueOf } from '../wire/wire.ts';

/** The results that the replication steps write to the journal, for later steps and for pages. */

const exposureSchema = z.discriminatedUnion('kind', [
  /** Every acknowledged write is on the new side, or will be before it opens. */
  z.object({
    kind: z.literal('none'),
    why: z.enum(['synchronous', 'closes-first', 'all-received']),
  }),
  z.object({
    kind: z.literal('at-risk'),
    /** Every write that was acknowledged before this time is on the new side. Wall ms. */
    sinceWallMs: z.number(),
    /**
     * Time from `sinceWallMs` until now, ms: the upper bound in time. Grows until the old side is
     * closed.
     */
    atRiskMs: z.number(),
    /**
     * Bytes that the old primary has written and the new side has not received, as far as last
     * seen; the primary may have written more since.
     */
    missingBytes: z.number(),
    /** Age of the last sighting, ms, and its observer. */
    seenAgoMs: z.number(),
    seenBy: z.string(),
  }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);
export type Exposure = ValueOf<typeof exposureSchema>;

export const fenced = stepOutcome(
  'fence',
  z.object({
    /** When this run asked the old side to close, wall ms. */
    askedWallMs: z.number().nullish(),
    /** The old side's guard answered, and its server did not run. */
    stopped: z.boolean().optional(),
  }),
);

/** A switchover leaves the position alone: it waits for all writes. */
export const caughtUp = stepOutcome(
  'catch-up',
  z.object({
    position: positionSchema.nullish(),
    /** No acknowledged write is missing. */
    complete: z.boolean().optional(),
    exposure: exposureSchema.optional(),
    sequenceAdvance: z.number().optional(),
    /** Token of the controller whose verdict this is. */
    token: z.number().optional(),
  }),
);

export const promoted = stepOutcome(
  'promote',
  z.object({
    epoch: z.number(),
    region: z.string(),
    timeline: z.number(),
    switchPosition: positionSchema,
    nextXid: z.string().nullable().default(null),
  }),
);

export const salvaged = stepOutcome(
  'salvage',
  z.object({ rows: z.number().optional(), notNeeded: z.string().optional() }),
);

import { z } from 'zod';
import { positionSchema } from '../authority/authority.ts';
import { stepOutcome } from '../runbook/runbook.ts';
import type { Exposure } from './exposure.ts';

/** The results that the replication steps write to the journal, for later steps and for pages. */

const exposureSchema: z.ZodType<Exposure> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('none'),
    why: z.enum(['synchronous', 'closes-first', 'all-received']),
  }),
  z.object({
    kind: z.literal('at-risk'),
    sinceWallMs: z.number(),
    atRiskMs: z.number(),
    missingBytes: z.number(),
    seenAgoMs: z.number(),
    seenBy: z.string(),
  }),
  z.object({ kind: z.literal('unknown'), why: z.string() }),
]);

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

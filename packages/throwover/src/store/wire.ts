import { z } from 'zod';
import { maxCounter, maxLossesPerCall, maxRecordsPerAppend, maxRunsListed } from './limits.ts';
import type { Store } from './port.ts';
import {
  count,
  expirySchema,
  haltSchema,
  leaseMs,
  leaseSchema,
  lossCountSchema,
  lossSchema,
  name,
  note,
  recordSchema,
  renewalSchema,
  serviceSchema,
  stateSchema,
  summarySchema,
  sync,
} from './shapes.ts';

/**
 * The port as JSON: `POST /v1/store/<call>` with the call's argument, answered by its result or by
 * an ErrorJson. `throwover serve` reads requests with it, the remote adapter reads answers.
 */

/** Undefined, because an empty answer is `null` in JSON. */
const nothing = z.null().transform(() => undefined);

/** The run in whose name a controller calls. */
const speaker = { service: name, runId: name, token: count };

/**
 * Schemas and properties of each call.
 *
 * `repeat`: a second identical call has no further effect, so it may be sent again when no answer
 * came. Not beginRun and takeRun: `throwover runs` shows a run that began although the answer was
 * lost. Not resolveLoss and taking a halt back, because another person may have acted in between. A
 * renewal is safe to send again, because its holder counts from the first sending: an expiry only
 * waits longer.
 */
export const calls = {
  registerService: {
    input: z.object({
      name,
      regions: z.array(name).min(1).max(20),
      active: name,
      atLeast: z
        .object({ epoch: count.max(maxCounter), token: count.max(maxCounter) })
        .exactOptional(),
    }),
    output: serviceSchema,
    repeat: true,
  },
  service: { input: name, output: serviceSchema, repeat: true },
  beginRun: {
    input: z.object({
      service: name,
      kind: name,
      from: name,
      to: name,
      epoch: count,
      planDigest: name,
      plan: z.unknown(),
      owner: name,
      leaseMs,
    }),
    output: leaseSchema,
    repeat: false,
  },
  takeRun: {
    input: z.object({ runId: name, owner: name, leaseMs, force: z.boolean() }),
    output: leaseSchema,
    repeat: false,
  },
  renewRun: {
    input: z.object({ runId: name, token: count, leaseMs }),
    output: z.object({ halted: haltSchema.nullable() }),
    repeat: true,
  },
  append: {
    input: z.object({
      runId: name,
      token: count,
      records: z.array(recordSchema).min(1).max(maxRecordsPerAppend),
    }),
    output: nothing,
    repeat: true,
  },
  openEpoch: {
    input: z.object({ service: name, runId: name, token: count, epoch: count, active: name }),
    output: serviceSchema,
    repeat: true,
  },
  adoptEpoch: {
    input: z.object({ service: name, epoch: count.max(maxCounter), active: name }),
    output: serviceSchema,
    repeat: true,
  },
  renewWriter: {
    input: z.object({ service: name, region: name, epoch: count, leaseMs }),
    output: renewalSchema,
    repeat: true,
  },
  expireWriter: { input: z.object(speaker), output: expirySchema, repeat: true },
  restoreWriter: { input: z.object(speaker), output: nothing, repeat: true },
  recordSync: {
    input: z.object({ service: name, region: name, ...sync }),
    output: nothing,
    repeat: true,
  },
  setHalt: {
    input: haltSchema.nullable(),
    output: nothing,
    repeat: (halt: unknown) => halt !== null,
  },
  halt: { input: nothing, output: haltSchema.nullable(), repeat: true },
  addLosses: {
    input: z.object({ ...speaker, losses: z.array(lossSchema).max(maxLossesPerCall) }),
    output: nothing,
    repeat: true,
  },
  losses: {
    input: z.object({
      service: name,
      runId: name.exactOptional(),
      after: name.exactOptional(),
      limit: z.int().positive().max(maxLossesPerCall),
    }),
    output: z.array(lossSchema),
    repeat: true,
  },
  lossCount: {
    input: z.object({ service: name, runId: name.exactOptional() }),
    output: lossCountSchema,
    repeat: true,
  },
  resolveLoss: {
    input: z.object({ service: name, id: name, by: name, note }),
    output: nothing,
    repeat: false,
  },
  run: { input: name, output: stateSchema, repeat: true },
  runs: {
    input: z.object({ service: name.optional(), limit: z.int().positive().max(maxRunsListed) }),
    output: z.array(summarySchema),
    repeat: true,
  },
} satisfies Record<
  keyof Store,
  { input: z.ZodType; output: z.ZodType; repeat: boolean | ((input: unknown) => boolean) }
>;

/** Whether this call may be sent again although it may have taken effect. */
export function repeatable(call: Call, input: unknown): boolean {
  const { repeat } = calls[call];
  return typeof repeat === 'function' ? repeat(input) : repeat;
}

export type Call = keyof typeof calls;

export const callNames = Object.keys(calls) as readonly Call[];

import { z } from 'zod';
import type { ErrorJson } from '../kernel/kernel.ts';
import { maxLeaseMs, maxRunsListed } from './limits.ts';
import type {
  JournalRecord,
  RunLease,
  RunState,
  RunSummary,
  ServiceState,
  Store,
} from './store.ts';

/**
 * The port as JSON: `POST /v1/store/<call>` with the call's argument, answered by its result or by an
 * ErrorJson. `throwover serve` reads requests with it, the remote adapter answers, the SQLite adapter rows.
 */

const name = z.string().min(1).max(200);
const count = z.int().nonnegative();
const evidence = z.record(z.string(), z.unknown());
const leaseMs = z.number().positive().max(maxLeaseMs);

export const errorSchema: z.ZodType<ErrorJson> = z.object({
  code: z.string(),
  message: z.string(),
  disposition: z.enum(['retry', 'wait', 'stop', 'page']),
  notLost: z.string(),
  remedy: z.string(),
  evidence,
});

const line = { seq: z.int().positive(), wallMs: z.number(), token: count };

export const recordSchema: z.ZodType<JournalRecord> = z.discriminatedUnion('type', [
  z.strictObject({
    ...line,
    type: z.literal('mandate'),
    by: name,
    digest: z.string(),
    overrides: z.array(z.string()),
  }),
  z.strictObject({ ...line, type: z.literal('taken-over'), by: name }),
  z.strictObject({ ...line, type: z.literal('intent'), step: name, observed: evidence }),
  z.strictObject({
    ...line,
    type: z.literal('outcome'),
    step: name,
    result: z.enum(['acted', 'already-done']),
    evidence,
    durationMs: z.number(),
    kind: z.enum(['machine', 'scaled']),
  }),
  z.strictObject({
    ...line,
    type: z.literal('step-failed'),
    step: name,
    error: errorSchema,
    durationMs: z.number(),
  }),
  z.strictObject({ ...line, type: z.literal('undo-intent'), step: name }),
  z.strictObject({
    ...line,
    type: z.literal('undo-outcome'),
    step: name,
    result: z.enum(['undone', 'not-needed']),
    note: z.string(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('ended'),
    status: z.enum(['succeeded', 'undone', 'failed']),
    reason: z.string(),
  }),
]);

const serviceSchema: z.ZodType<ServiceState> = z.object({
  name,
  regions: z.array(name),
  epoch: count,
  active: name,
  openRun: name.nullable(),
});

const leaseSchema: z.ZodType<RunLease> = z.object({ runId: name, token: count, leaseMs });

const summary = {
  runId: name,
  service: name,
  kind: name,
  from: name,
  to: name,
  epoch: count,
  planDigest: z.string(),
  owner: name,
  token: count,
  status: z.enum(['running', 'succeeded', 'undone', 'failed']),
  startedWallMs: z.number(),
  endedWallMs: z.number().nullable(),
};

const summarySchema: z.ZodType<RunSummary> = z.object(summary);

const stateSchema: z.ZodType<RunState> = z.object({
  ...summary,
  plan: z.unknown(),
  records: z.array(recordSchema),
});

/** Undefined, since an empty answer is `null` in JSON. */
const nothing = z.null().transform(() => undefined);

/**
 * Shapes and properties of each call. Records are strict, since they are kept for good; around them
 * unknown fields are left out. `repeat`: the same call again is the same call, so it may be
 * sent again when no answer came. A run that began unheard is seen with `throwover runs` instead.
 */
export const calls = {
  registerService: {
    input: z.object({ name, regions: z.array(name).min(1).max(20), active: name }),
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
    output: nothing,
    repeat: true,
  },
  append: {
    input: z.object({ runId: name, token: count, record: recordSchema }),
    output: nothing,
    repeat: true,
  },
  openEpoch: {
    input: z.object({ service: name, runId: name, token: count, epoch: count, active: name }),
    output: serviceSchema,
    repeat: true,
  },
  run: { input: name, output: stateSchema, repeat: true },
  runs: {
    input: z.object({ service: name.optional(), limit: z.int().positive().max(maxRunsListed) }),
    output: z.array(summarySchema),
    repeat: true,
  },
} satisfies Record<keyof Store, { input: z.ZodType; output: z.ZodType; repeat: boolean }>;

export type Call = keyof typeof calls;

export const callNames = Object.keys(calls) as readonly Call[];

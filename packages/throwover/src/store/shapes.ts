import { z } from 'zod';
import { errorSchema } from '../kernel/kernel.ts';
import { maxLeaseMs, maxNoteLength } from './limits.ts';
import type {
  Halt,
  JournalRecord,
  Loss,
  LossCount,
  RunLease,
  RunState,
  RunSummary,
  ServiceState,
  SyncState,
  WriterExpiry,
  WriterRenewal,
} from './port.ts';

/**
 * Schemas of the port's values when they come from the wire or from a file. Records are strict,
 * because they are kept permanently; in all other values unknown fields are dropped.
 */

export const name = z.string().min(1).max(200);
export const count = z.int().nonnegative();
const evidence = z.record(z.string(), z.unknown());
export const note = z.string().max(maxNoteLength);
export const leaseMs = z.number().positive().max(maxLeaseMs);

const line = { seq: z.int().positive(), wallMs: z.number(), token: count };

export const recordSchema: z.ZodType<JournalRecord> = z.discriminatedUnion('type', [
  z.strictObject({
    ...line,
    type: z.literal('mandate'),
    by: name,
    digest: z.string(),
    overrides: z.array(z.string()),
    second: name.exactOptional(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('taken-over'),
    by: name,
    claimed: evidence.exactOptional(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('abort-requested'),
    by: name,
    reason: z.string(),
    leave: z.array(name).exactOptional(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('replanned'),
    kind: name,
    by: name,
    digest: name,
    plan: z.unknown(),
    overrides: z.array(z.string()),
    second: name.exactOptional(),
  }),
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
    turnedBack: z.literal(true).exactOptional(),
  }),
  z.strictObject({ ...line, type: z.literal('undo-intent'), step: name }),
  z.strictObject({
    ...line,
    type: z.literal('undo-outcome'),
    step: name,
    result: z.enum(['undone', 'not-needed', 'left']),
    note: z.string(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('ended'),
    status: z.enum(['succeeded', 'undone', 'failed']),
    reason: z.string(),
  }),
]);

export const sync = { epoch: count, inSync: z.boolean(), position: name, wallMs: z.number() };

export const syncSchema: z.ZodType<SyncState> = z.object(sync);

export const serviceSchema: z.ZodType<ServiceState> = z.object({
  name,
  regions: z.array(name),
  epoch: count,
  active: name,
  openRun: name.nullable(),
  openedBy: name,
  sync: syncSchema.nullable(),
});

export const haltSchema: z.ZodType<Halt> = z.object({ by: name, reason: note, wallMs: z.number() });

export const renewalSchema: z.ZodType<WriterRenewal> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('granted') }),
  z.object({
    kind: z.literal('refused'),
    why: z.enum(['not-active', 'epoch-moved', 'stopped']),
    epoch: count,
    active: name,
  }),
]);

export const expirySchema: z.ZodType<WriterExpiry> = z.object({
  expiresInMs: z.number().nonnegative(),
  region: name,
  epoch: count,
  leaseMs,
  driftBound: z.number(),
  waitedMs: z.number(),
});

const columns = z.record(z.string(), z.string().nullable()).nullable();

export const lossSchema: z.ZodType<Loss> = z.object({
  id: name,
  runId: name,
  transaction: name,
  commitPosition: name,
  commitWallMs: z.number().nullable(),
  table: name,
  operation: z.enum(['insert', 'update', 'delete', 'truncate', 'message']),
  key: columns,
  before: columns,
  after: columns,
  acknowledged: z.enum(['yes', 'no', 'unknown']),
  resolution: z.object({ by: name, note, wallMs: z.number() }).nullable(),
});

export const lossCountSchema: z.ZodType<LossCount> = z.object({ total: count, unresolved: count });

export const leaseSchema: z.ZodType<RunLease> = z.object({ runId: name, token: count, leaseMs });

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

export const summarySchema: z.ZodType<RunSummary> = z.object(summary);

export const stateSchema: z.ZodType<RunState> = z.object({
  ...summary,
  plan: z.unknown(),
  records: z.array(recordSchema),
});

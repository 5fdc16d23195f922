import { z } from 'zod';
import { errorSchema } from '../kernel/kernel.ts';
import type { ValueOf } from '../wire/wire.ts';
import { maxLeaseMs, maxNoteLength } from './limits.ts';

/**
 * The port's values, as schemas for the wire and for files, and as types. Records are strict,
 * because they are kept permanently; in all other values unknown fields are dropped.
 */

export const name = z.string().min(1).max(200);
export const count = z.int().nonnegative();
const evidence = z.record(z.string(), z.unknown());
export const note = z.string().max(maxNoteLength);
export const leaseMs = z.number().positive().max(maxLeaseMs);

const line = { seq: z.int().positive(), wallMs: z.number(), token: count };

/**
 * One record of a run's journal. `seq` starts at 1 and has no gaps. A9: what it does not say is
 * observed again.
 */
export const recordSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...line,
    type: z.literal('mandate'),
    by: name,
    digest: z.string(),
    overrides: z.array(z.string()),
    /** A second approver, if the policy requires one. */
    second: name.exactOptional(),
  }),
  z.strictObject({
    ...line,
    type: z.literal('taken-over'),
    by: name,
    /** The places that know its token from now on, and those that did not answer. */
    claimed: evidence.exactOptional(),
  }),
  /** A person asked to undo the run, if that is still possible. */
  z.strictObject({
    ...line,
    type: z.literal('abort-requested'),
    by: name,
    reason: z.string(),
    /** Steps that may stay as they are when their undo fails. */
    leave: z.array(name).exactOptional(),
  }),
  /** From here on the run is of another kind, with its plan, approved by `by`. */
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
    /**
     * The step of no return certainly did not happen and cannot happen any more: the run goes
     * back.
     */
    turnedBack: z.literal(true).exactOptional(),
  }),
  z.strictObject({ ...line, type: z.literal('undo-intent'), step: name }),
  z.strictObject({
    ...line,
    type: z.literal('undo-outcome'),
    step: name,
    /** left: its undo failed, and the person who aborted the run accepted that it stays as it is. */
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
export type JournalRecord = ValueOf<typeof recordSchema>;

/** A record before the run's controller has given it its place in the journal. */
export type JournalEvent = EventOf<JournalRecord>;
type EventOf<Record> = Record extends unknown ? Omit<Record, keyof typeof line> : never;

export const sync = { epoch: count, inSync: z.boolean(), position: name, wallMs: z.number() };

export const syncSchema = z.object({
  ...sync,
  /** "Not in sync": the highest position at which that was told, if not `position` itself. */
  until: name.optional(),
});
export type SyncState = ValueOf<typeof syncSchema>;

export const serviceSchema = z.object({
  name,
  regions: z.array(name),
  epoch: count,
  active: name,
  /** The run that has not ended, if any. */
  openRun: name.nullable(),
  /**
   * How the newest epoch was opened: the kind of the run; `adopted` if by hand; `registered` for
   * the first one.
   */
  openedBy: name,
  /** Highest fencing token given, over all runs of the service. */
  token: count,
  /** Synchronous mode: the last report of the active region's guard; `null`: none in this epoch. */
  sync: syncSchema.nullable(),
});
export type ServiceState = ValueOf<typeof serviceSchema>;

/** The kill switch. */
export const haltSchema = z.object({ by: name, reason: note, wallMs: z.number() });
export type Halt = ValueOf<typeof haltSchema>;

export const renewalSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('granted') }),
  z.object({
    kind: z.literal('refused'),
    why: z.enum(['not-active', 'epoch-moved', 'stopped']),
    epoch: count,
    active: name,
  }),
]);
export type WriterRenewal = ValueOf<typeof renewalSchema>;

export const expirySchema = z.object({
  expiresInMs: z.number().nonnegative(),
  region: name,
  epoch: count,
  /** Longest lease that may have been granted, ms. */
  leaseMs,
  driftBound: z.number(),
  /**
   * Time since the last grant, or since the store's start, whichever lease ends last, ms. At least
   * leaseMs x (1 + driftBound) when no lease can be in force.
   */
  waitedMs: z.number(),
});
export type WriterExpiry = ValueOf<typeof expirySchema>;

/** Column values as text; `null` when the log does not contain them. */
const columns = z.record(z.string(), z.string().nullable()).nullable();

/**
 * One row that the old side had committed beyond the promotion point, and the new side does not
 * have.
 */
export const lossSchema = z.object({
  /** `<timeline>/<commit position>#<number in the transaction>`: sorts in commit order. */
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
  /** Whether the application was told that the transaction was committed, as far as known. */
  acknowledged: z.enum(['yes', 'no', 'unknown']),
  resolution: z.object({ by: name, note, wallMs: z.number() }).nullable(),
});
export type Loss = ValueOf<typeof lossSchema>;

export const lossCountSchema = z.object({ total: count, unresolved: count });
export type LossCount = ValueOf<typeof lossCountSchema>;

export const leaseSchema = z.object({ runId: name, token: count, leaseMs });
export type RunLease = ValueOf<typeof leaseSchema>;

export const runStatuses = ['running', 'succeeded', 'undone', 'failed', 'abandoned'] as const;

/** How a person ended a run whose plan or journal is damaged. */
const abandonedSchema = z.object({
  by: name,
  reason: note,
  wallMs: z.number(),
  /** What could not be read. */
  damage: z.string(),
});

/**
 * `kind` and `planDigest` are those of the plan in force: the first, or the last `replanned`. A
 * damaged row must not keep the others from being listed, so its texts may be anything.
 */
const summary = {
  runId: name,
  service: z.string(),
  kind: z.string(),
  from: z.string(),
  to: z.string(),
  epoch: count,
  planDigest: z.string(),
  owner: z.string(),
  token: count,
  status: z.enum(runStatuses),
  startedWallMs: z.number(),
  endedWallMs: z.number().nullable(),
  /** Only with the status `abandoned`. */
  abandoned: abandonedSchema.exactOptional(),
};

/** The answer to the ending of a damaged run: its newest token is needed to open what it closed. */
export const endingSchema = abandonedSchema.extend({ runId: name, service: name, token: count });
export type Ending = ValueOf<typeof endingSchema>;

export const summarySchema = z.object(summary);
export type RunSummary = ValueOf<typeof summarySchema>;

export const stateSchema = z.object({
  ...summary,
  plan: z.unknown(),
  records: z.array(recordSchema),
});
export type RunState = ValueOf<typeof stateSchema>;

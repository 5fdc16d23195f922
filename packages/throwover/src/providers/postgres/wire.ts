/**
 * The messages between the guard and its client: one POST per command (GET if it changes nothing),
 * JSON both ways. An error is an `ErrorJson` with status 409 (refused) or 503 (could not
 * tell).
 */

import { z } from 'zod';
import {
  acceptedSchema,
  closedSchema,
  clusterSightSchema,
  clusterVerdictSchema,
  confirmedFenceSchema,
  doorSeenSchema,
  fenceProofSchema,
  knownEpochSchema,
  openingProofSchema,
  positionSchema,
  promotionSchema,
  renunciationSchema,
  reopenedSchema,
  runCommand,
  surveySchema,
} from '../../authority/authority.ts';

const token = z.number().int().nonnegative();
const epoch = z.number().int().positive();

export const attachmentSchema = z.strictObject({
  way: z.enum(['already', 'as-is', 'rewind', 'copy']),
  bytesCopied: z.number().nonnegative(),
});
const nothing = z.strictObject({});

const status = z.strictObject({
  region: z.string(),
  service: z.string(),
  peer: z.strictObject({ region: z.string(), confirmed: z.boolean() }).nullable(),
  role: z.enum(['primary', 'standby', 'stopped']),
  version: z.string().nullable(),
  closed: closedSchema.nullable(),
  observed: doorSeenSchema.nullable(),
  reopened: reopenedSchema.nullable(),
  sessions: z.number(),
  position: positionSchema.nullable(),
  received: positionSchema.nullable(),
  streaming: z.boolean(),
  standby: z
    .strictObject({ lagMs: z.number().nullable(), lagBytes: z.number(), state: z.string() })
    .nullable(),
  promotion: promotionSchema.nullable(),
  attachment: attachmentSchema.nullable(),
  token,
  renounced: z.number(),
  accepted: acceptedSchema.omit({ sequenceAdvance: true }).nullable(),
  known: knownEpochSchema,
  leaseLeftMs: z.number().nullable(),
  inSync: z.boolean().nullable(),
  parity: z.record(z.string(), z.string()),
  cluster: clusterSightSchema.nullable(),
  clusterVerdict: clusterVerdictSchema,
});

/**
 * Longest time that a fence may give open transactions, ms: with more, no region would take writes
 * for too long.
 */
const maxOpenTransactionsMs = 10_000;

/** Longest deadline of a fence, ms. */
const maxFenceDeadlineMs = 600_000;

/**
 * The place of the database, for people who handle it without this guard (by-hand.ts). It contains
 * no secret.
 */
const place = z.strictObject({
  region: z.string(),
  host: z.string(),
  port: z.number(),
  dataDir: z.string(),
  pgBin: z.string(),
  hbaFile: z.string(),
  runAs: z.strictObject({ uid: z.number(), gid: z.number() }).nullable(),
  superuser: z.strictObject({ host: z.string(), user: z.string() }),
  database: z.string(),
  applicationRoles: z.array(z.string()),
  /** `password`: the place of the secret, `env:NAME` or `file:PATH`. */
  replication: z.strictObject({ user: z.string(), password: z.string().nullable() }),
  upstreams: z.record(z.string(), z.strictObject({ host: z.string(), port: z.number() })),
  fence: z.enum(['pg_hba', 'roles']),
});
export type Place = z.infer<typeof place>;

const column = z.record(z.string(), z.string().nullable());

const loss = z.strictObject({
  id: z.string(),
  runId: z.string(),
  transaction: z.string(),
  commitPosition: z.string(),
  commitWallMs: z.number().nullable(),
  table: z.string(),
  operation: z.enum(['insert', 'update', 'delete', 'truncate', 'message']),
  key: column.nullable(),
  before: column.nullable(),
  after: column.nullable(),
  acknowledged: z.enum(['yes', 'no', 'unknown']),
  resolution: z.null(),
});

const unavailable = z.strictObject({ state: z.literal('unavailable'), why: z.string() });

const unsent = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('read'),
    rows: z.array(loss.pick({ table: true, operation: true, key: true, commitWallMs: true })),
    count: z.number(),
    more: z.boolean(),
  }),
  unavailable,
]);

const salvage = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('complete'),
    losses: z.array(loss),
    total: z.number(),
    blind: z.array(z.string()),
  }),
  unavailable.extend({ some: z.literal(true).exactOptional() }),
]);

/** The input and output of every command. */
export const commands = {
  status: { input: nothing, output: status },
  survey: { input: nothing, output: surveySchema },
  upstream: {
    input: nothing,
    output: z.strictObject({ answers: z.boolean().nullable(), said: z.string() }),
  },
  place: { input: nothing, output: place },
  unsent: {
    input: z.strictObject({ beyond: positionSchema, limit: z.int().positive().max(100) }),
    output: unsent,
  },
  admit: { input: z.strictObject(runCommand), output: nothing },
  checkpoint: { input: z.strictObject(runCommand), output: nothing },
  prewarm: {
    input: z.strictObject(runCommand),
    output: z.strictObject({ bytes: z.number(), by: z.string() }),
  },
  fence: {
    input: z.strictObject({
      ...runCommand,
      openTransactionsMs: z.number().nonnegative().max(maxOpenTransactionsMs),
      deadlineMs: z.number().positive().max(maxFenceDeadlineMs).nullable(),
    }),
    output: confirmedFenceSchema,
  },
  unfence: {
    input: z.strictObject({ ...runCommand, proof: openingProofSchema }),
    output: nothing,
  },
  renounce: { input: z.strictObject(runCommand), output: renunciationSchema },
  endPromises: {
    input: z.strictObject(runCommand),
    output: z.strictObject({ leftMs: z.number().nonnegative() }),
  },
  promote: {
    input: z.strictObject({
      ...runCommand,
      epoch,
      proof: fenceProofSchema,
      lossy: z.strictObject({ sequenceAdvance: z.int().nonnegative() }).nullable(),
      unknownCluster: z.exactOptional(z.boolean()),
    }),
    output: promotionSchema,
  },
  stop: { input: z.strictObject(runCommand), output: nothing },
  salvage: {
    input: z.strictObject({
      ...runCommand,
      epoch,
      switchPosition: positionSchema,
      from: z.int().nonnegative(),
      limit: z.int().positive(),
    }),
    output: salvage,
  },
  attach: {
    input: z.strictObject({
      ...runCommand,
      epoch,
      upstream: z.string(),
      promotion: promotionSchema,
      discards: z.boolean(),
    }),
    output: attachmentSchema,
  },
} as const;

export type CommandName = keyof typeof commands;

/** Commands that change nothing use GET. */
export const looks = (name: CommandName): boolean =>
  name === 'status' || name === 'survey' || name === 'upstream' || name === 'place';
export type Input<Name extends CommandName> = z.infer<(typeof commands)[Name]['input']>;
export type Output<Name extends CommandName> = z.infer<(typeof commands)[Name]['output']>;

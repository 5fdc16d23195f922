/**
 * What the guard and its client say to each other: one POST a command (GET for what changes nothing), JSON both ways.
 * An error travels as `{error: ErrorJson}` with status 409 (answered no) or 503 (could not tell).
 */
import { z } from 'zod';
import {
  acceptedSchema,
  closedSchema,
  confirmedFenceSchema,
  fenceProofSchema,
  knownEpochSchema,
  openingProofSchema,
  positionSchema,
  promotionSchema,
  renunciationSchema,
  surveySchema,
} from '../../authority/wire.ts';

const token = z.number().int().nonnegative();
const epoch = z.number().int().positive();

export const attachmentSchema = z.strictObject({
  way: z.enum(['already', 'as-is', 'rewind', 'copy']),
  bytesCopied: z.number().nonnegative(),
});
const nothing = z.strictObject({});

const status = z.strictObject({
  region: z.string(),
  role: z.enum(['primary', 'standby', 'stopped']),
  version: z.string().nullable(),
  closed: closedSchema.nullable(),
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
});

/** Longest time that open transactions may be given by a fence, ms: above it nobody could write for too long. */
const maxOpenTransactionsMs = 10_000;

/** Longest deadline of a fence, ms. */
const maxFenceDeadlineMs = 600_000;

/** Where the database is, for people who handle it without this guard (by-hand.ts). No secret is in it. */
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
  /** `password`: where it stands, `env:NAME` or `file:PATH`. */
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
  unavailable,
]);

/** Every command: what is sent, what is answered. */
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
  admit: { input: z.strictObject({ token }), output: nothing },
  checkpoint: { input: z.strictObject({ token }), output: nothing },
  prewarm: {
    input: z.strictObject({ token }),
    output: z.strictObject({ bytes: z.number(), by: z.string() }),
  },
  fence: {
    input: z.strictObject({
      token,
      openTransactionsMs: z.number().nonnegative().max(maxOpenTransactionsMs),
      deadlineMs: z.number().positive().max(maxFenceDeadlineMs).nullable(),
    }),
    output: confirmedFenceSchema,
  },
  unfence: { input: z.strictObject({ token, proof: openingProofSchema }), output: nothing },
  renounce: { input: z.strictObject({ token }), output: renunciationSchema },
  endPromises: {
    input: z.strictObject({ token }),
    output: z.strictObject({ leftMs: z.number().nonnegative() }),
  },
  promote: {
    input: z.strictObject({
      token,
      epoch,
      proof: fenceProofSchema,
      lossy: z.strictObject({ sequenceAdvance: z.int().nonnegative() }).nullable(),
    }),
    output: promotionSchema,
  },
  stop: { input: z.strictObject({ token }), output: nothing },
  salvage: {
    input: z.strictObject({
      token,
      epoch,
      runId: z.string(),
      switchPosition: positionSchema,
      from: z.int().nonnegative(),
      limit: z.int().positive(),
    }),
    output: salvage,
  },
  attach: {
    input: z.strictObject({ token, epoch, upstream: z.string(), promotion: promotionSchema }),
    output: attachmentSchema,
  },
} as const;

export type CommandName = keyof typeof commands;

/** Those that change nothing: GET. */
export const looks = (name: CommandName): boolean =>
  name === 'status' || name === 'survey' || name === 'upstream' || name === 'place';
export type Input<Name extends CommandName> = z.infer<(typeof commands)[Name]['input']>;
export type Output<Name extends CommandName> = z.infer<(typeof commands)[Name]['output']>;

export const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    disposition: z.enum(['retry', 'wait', 'stop', 'page']),
    notLost: z.string(),
    remedy: z.string(),
    evidence: z.record(z.string(), z.unknown()),
  }),
});

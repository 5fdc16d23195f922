/**
 * What the guard and its client say to each other: one POST a command (GET for status), JSON both ways.
 * An error travels as `{error: ErrorJson}` with status 409 (answered no) or 503 (could not tell).
 */
import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';

const position = z.custom<Position>(isPosition, 'expected a position');
const token = z.number().int().nonnegative();
const epoch = z.number().int().positive();

const confirmedProof = z.strictObject({
  kind: z.literal('confirmed'),
  region: z.string(),
  position,
  token,
});
const fenceProof = z.discriminatedUnion('kind', [
  confirmedProof,
  z.strictObject({ kind: z.literal('overridden'), by: z.string(), reason: z.string() }),
]);
const promotion = z.strictObject({
  epoch,
  region: z.string(),
  timeline: z.number().int().positive(),
  switchPosition: position,
});
const attachment = z.strictObject({
  way: z.enum(['already', 'as-is', 'rewind', 'copy']),
  bytesCopied: z.number().nonnegative(),
});
const nothing = z.strictObject({});

const status = z.strictObject({
  region: z.string(),
  role: z.enum(['primary', 'standby', 'stopped']),
  version: z.string().nullable(),
  fenced: z.boolean(),
  sessions: z.number(),
  position: position.nullable(),
  received: position.nullable(),
  streaming: z.boolean(),
  standby: z
    .strictObject({ lagMs: z.number().nullable(), lagBytes: z.number(), state: z.string() })
    .nullable(),
  promotion: promotion.nullable(),
  attachment: attachment.nullable(),
  token,
  parity: z.record(z.string(), z.string()),
});

/** Longest time that open transactions may be given by a fence, ms: above it nobody could write for too long. */
const maxOpenTransactionsMs = 10_000;

/** Every command: what is sent, what is answered. */
export const commands = {
  status: { input: nothing, output: status },
  checkpoint: { input: z.strictObject({ token }), output: nothing },
  fence: {
    input: z.strictObject({
      token,
      openTransactionsMs: z.number().nonnegative().max(maxOpenTransactionsMs),
    }),
    output: confirmedProof,
  },
  unfence: { input: z.strictObject({ token }), output: nothing },
  promote: { input: z.strictObject({ token, epoch, proof: fenceProof }), output: promotion },
  stop: { input: z.strictObject({ token }), output: nothing },
  attach: {
    input: z.strictObject({ token, epoch, upstream: z.string(), promotion }),
    output: attachment,
  },
} as const;

export type CommandName = keyof typeof commands;
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
